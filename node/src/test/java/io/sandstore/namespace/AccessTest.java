package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.config.Squash;
import io.sandstore.wire.Credentials;
import io.sandstore.wire.Errno;
import io.sandstore.wire.FileType;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Who may do what to an inode, rule by rule. */
class AccessTest {

  private static final Access ROOT = access(0, 0);
  private static final Access ANNE = access(1001, 100);
  private static final Access BERT = access(1002, 200, 300);

  private static Credentials credentials(int uid, int gid, Integer... groups) {
    return Credentials.newBuilder().setUid(uid).setGid(gid).addAllGroups(List.of(groups)).build();
  }

  private static Access access(int uid, int gid, Integer... groups) {
    return Access.of(credentials(uid, gid, groups));
  }

  private static Inode inode(FileType type, int mode, int uid, int gid) {
    return Inode.create(9, new Inode.Draft(type, mode, uid, gid), 1, 0);
  }

  private static Inode file(int mode, int uid, int gid) {
    return inode(FileType.REGULAR, mode, uid, gid);
  }

  private static Inode directory(int mode, int uid, int gid) {
    return inode(FileType.DIRECTORY, mode, uid, gid);
  }

  private static Errno errno(Runnable call) {
    try {
      call.run();
      return Errno.OK;
    } catch (Refused refused) {
      return refused.fault().getErrno();
    }
  }

  @Test
  void onlyTheBitsOfTheFirstThatOneIsCountAndNotWhatOthersMay() {
    for (int mode = 0; mode <= 0777; mode++) {
      for (int mask = 0; mask <= 7; mask++) {
        Inode ofAnne = file(mode, 1001, 300);
        assertThat(ANNE.may(ofAnne, mask)).isEqualTo((mode >> 6 & mask) == mask);
        assertThat(BERT.may(ofAnne, mask)).isEqualTo((mode >> 3 & mask) == mask);
        assertThat(access(7, 7).may(ofAnne, mask)).isEqualTo((mode & mask) == mask);
        assertThat(access(7, 300).may(ofAnne, mask)).isEqualTo((mode >> 3 & mask) == mask);
        assertThat(Access.unchecked().may(ofAnne, mask)).isTrue();
      }
    }
  }

  @Test
  void rootMayDoEverythingButExecuteWhatNobodyMay() {
    assertThat(ROOT.may(file(0, 1001, 100), Access.READ | Access.WRITE)).isTrue();
    assertThat(ROOT.may(file(0666, 1001, 100), Access.EXECUTE)).isFalse();
    assertThat(ROOT.may(file(0001, 1001, 100), Access.EXECUTE | Access.READ)).isTrue();
    assertThat(ROOT.may(directory(0, 1001, 100), Access.EXECUTE | Access.WRITE)).isTrue();
  }

  @Test
  void inAStickyDirectoryOnlyTheOwnersOfItAndOfTheFileRemove() {
    Inode sticky = directory(01777, 1003, 100);
    Inode ofAnne = file(0666, 1001, 100);
    assertThat(errno(() -> BERT.requireRemove(sticky, ofAnne, "f"))).isEqualTo(Errno.EPERM);
    assertThat(errno(() -> ANNE.requireRemove(sticky, ofAnne, "f"))).isEqualTo(Errno.OK);
    assertThat(errno(() -> access(1003, 1).requireRemove(sticky, ofAnne, "f"))).isEqualTo(Errno.OK);
    assertThat(errno(() -> ROOT.requireRemove(sticky, ofAnne, "f"))).isEqualTo(Errno.OK);
    Inode closed = directory(0755, 1003, 100);
    assertThat(errno(() -> ANNE.requireRemove(closed, ofAnne, "f"))).isEqualTo(Errno.EACCES);
  }

  @Test
  void aRefusalNamesTheFileAndWhatWasNotAllowed() {
    assertThatThrownBy(() -> BERT.require(directory(0700, 1001, 100), Access.EXECUTE, "secret"))
        .isInstanceOfSatisfying(
            Refused.class,
            e -> assertThat(e.fault().getMessage()).isEqualTo("no permission to search secret"));
  }

  @Test
  void whoMakesSomethingOwnsItAndADirectoryMayLendItsGroup() {
    Inode plain = directory(0777, 0, 0);
    Inode lends = directory(02777, 0, 300);
    Inode.Draft draft = new Inode.Draft(FileType.REGULAR, 06755, 7, 8);
    assertThat(ANNE.toMake(draft, plain)).isEqualTo(draft.ofOwner(06755, 1001, 100));
    // Its group will be one that she is not in.
    assertThat(ANNE.toMake(draft, lends)).isEqualTo(draft.ofOwner(04755, 1001, 100));
    assertThat(BERT.toMake(draft, lends)).isEqualTo(draft.ofOwner(06755, 1002, 200));
    assertThat(ROOT.toMake(draft, lends)).isEqualTo(draft.ofOwner(06755, 0, 0));
    assertThat(Access.unchecked().toMake(draft, lends)).isEqualTo(draft);
    assertThat(errno(() -> ANNE.toMake(draft, directory(0755, 0, 0)))).isEqualTo(Errno.EACCES);
    Inode.Draft device = new Inode.Draft(FileType.BLOCK_DEVICE, 0600, 0, 0);
    assertThat(errno(() -> ANNE.toMake(device, plain))).isEqualTo(Errno.EPERM);
    assertThat(errno(() -> ROOT.toMake(device, plain))).isEqualTo(Errno.OK);
  }

  @Test
  void eachKindOfExtendedAttributesIsForSomebodyElse() {
    Inode file = file(0640, 1001, 300);
    assertThat(errno(() -> ANNE.requireXattr(file, "user.x", true))).isEqualTo(Errno.OK);
    assertThat(errno(() -> BERT.requireXattr(file, "user.x", false))).isEqualTo(Errno.OK);
    assertThat(errno(() -> BERT.requireXattr(file, "user.x", true))).isEqualTo(Errno.EACCES);
    assertThat(errno(() -> ANNE.requireXattr(file, "trusted.x", false))).isEqualTo(Errno.ENODATA);
    assertThat(errno(() -> ANNE.requireXattr(file, "trusted.x", true))).isEqualTo(Errno.EPERM);
    assertThat(errno(() -> ROOT.requireXattr(file, "trusted.x", true))).isEqualTo(Errno.OK);
    assertThat(errno(() -> ANNE.requireXattr(file, "security.x", true))).isEqualTo(Errno.EPERM);
    assertThat(errno(() -> ANNE.requireXattr(file, "security.x", false))).isEqualTo(Errno.OK);
    Inode sticky = directory(01777, 1001, 300);
    assertThat(errno(() -> BERT.requireXattr(sticky, "user.x", true))).isEqualTo(Errno.EPERM);
  }

  @Test
  void bitsThatRunAFileAsItsOwnerGoWithWhatTheyWereGivenFor() {
    Inode runs = file(06755, 1001, 100);
    assertThat(ANNE.modeOfWritten(runs)).isEqualTo(0755);
    assertThat(ROOT.modeOfWritten(runs)).isEqualTo(06755);
    assertThat(ROOT.modeOfGiven(runs)).isEqualTo(0755);
    assertThat(ANNE.modeOfGiven(file(02644, 1001, 100))).isEqualTo(02644);
    assertThat(BERT.modeOfWritten(file(02644, 1001, 100))).isEqualTo(0644);
    assertThat(ROOT.modeOfGiven(directory(06755, 1001, 100))).isEqualTo(06755);
    assertThat(Access.unchecked().modeOfGiven(runs)).isEqualTo(0755);
    assertThat(Access.unchecked().modeOfWritten(runs)).isEqualTo(0755);
    assertThat(ANNE.modeOfChange(02755, 300)).isEqualTo(0755);
    assertThat(BERT.modeOfChange(02755, 300)).isEqualTo(02755);
  }

  @Test
  void moreGroupsThan1024AreRefused() {
    Credentials most = Credentials.newBuilder().addAllGroups(Collections.nCopies(1024, 5)).build();
    assertThat(CommandCheck.fault(most)).isEmpty();
    Credentials more = most.toBuilder().addGroups(5).build();
    assertThat(CommandCheck.fault(more).orElseThrow().getErrno()).isEqualTo(Errno.EINVAL);
    assertThat(errno(() -> Access.of(more))).isEqualTo(Errno.EINVAL);
    assertThat(errno(() -> access(-1, 0))).isEqualTo(Errno.EINVAL);
    assertThat(errno(() -> access(0, -1))).isEqualTo(Errno.EINVAL);
    assertThat(errno(() -> access(0, 0, -1))).isEqualTo(Errno.EINVAL);
  }

  @Test
  void aNodeThatSquashesTakesRootAndWhoIsNotNamedForNobody() {
    Optional<Credentials> nobody = Optional.of(credentials(65534, 65534));
    Optional<Credentials> root = Optional.of(credentials(0, 0, 4));
    Optional<Credentials> anne = Optional.of(credentials(1001, 0, 0, 4));
    assertThat(Squash.NONE.applyTo(root)).isEqualTo(root);
    assertThat(Squash.NONE.applyTo(Optional.empty())).isEmpty();
    assertThat(Squash.ROOT.applyTo(root)).isEqualTo(nobody);
    assertThat(Squash.ROOT.applyTo(Optional.empty())).isEqualTo(nobody);
    assertThat(Squash.ROOT.applyTo(anne)).contains(credentials(1001, 65534, 65534, 4));
    assertThat(Squash.ALL.applyTo(anne)).isEqualTo(nobody);
  }
}
