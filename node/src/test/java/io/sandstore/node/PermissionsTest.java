package io.sandstore.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Descriptors.FieldDescriptor;
import io.sandstore.rpc.Caller;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Ask;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Header.BodyCase;
import io.sandstore.wire.Mutate;
import io.sandstore.wire.ReadBlock;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Who may ask what, row by row. */
class PermissionsTest {

  private static final Caller CLIENT = new Caller.Client();
  private static final Caller OPERATOR = new Caller.Operator();
  private static final Caller NODE = new Caller.Node("sandstore-1");
  private static final List<Caller> KINDS = List.of(CLIENT, OPERATOR, NODE);

  private static final Set<Caller> EVERYBODY = Set.of(CLIENT, OPERATOR, NODE);
  private static final Set<Caller> NODES = Set.of(NODE);
  private static final Set<Caller> NOBODY = Set.of();

  private static final Map<BodyCase, Set<Caller>> TABLE = new EnumMap<>(BodyCase.class);

  static {
    for (BodyCase request :
        List.of(
            BodyCase.MUTATE,
            BodyCase.ASK,
            BodyCase.WRITE_BLOCK,
            BodyCase.READ_BLOCK,
            BodyCase.STATUS_REQUEST,
            BodyCase.PING)) {
      TABLE.put(request, EVERYBODY);
    }
    for (BodyCase request :
        List.of(
            BodyCase.BLOCK_CALL,
            BodyCase.LOG_CALL,
            BodyCase.PROBE,
            BodyCase.ADOPT,
            BodyCase.JOIN,
            BodyCase.CACHE_USE,
            BodyCase.MAKE_ROOM)) {
      TABLE.put(request, NODES);
    }
    TABLE.put(BodyCase.STEP_ASIDE, Set.of(OPERATOR));
    for (BodyCase answer :
        List.of(
            BodyCase.FAULT,
            BodyCase.HELLO,
            BodyCase.HELLO_REPLY,
            BodyCase.OUTCOME,
            BodyCase.ANSWER,
            BodyCase.WRITE_BLOCK_REPLY,
            BodyCase.READ_BLOCK_REPLY,
            BodyCase.NODE_STATUS,
            BodyCase.CLUSTER_STATUS,
            BodyCase.DONE,
            BodyCase.LOG_CAST,
            BodyCase.PROBE_REPLY,
            BodyCase.BODY_NOT_SET)) {
      TABLE.put(answer, NOBODY);
    }
  }

  private static Header empty(BodyCase body) {
    Header.Builder header = Header.newBuilder();
    if (body != BodyCase.BODY_NOT_SET) {
      FieldDescriptor field = Header.getDescriptor().findFieldByNumber(body.getNumber());
      header.setField(
          field,
          field.getJavaType() == FieldDescriptor.JavaType.MESSAGE
              ? header.newBuilderForField(field).build()
              : field.getDefaultValue());
    }
    assertThat(header.getBodyCase()).isEqualTo(body);
    return header.build();
  }

  private static void assertPermitted(Header request, Set<Caller> permitted) {
    for (Caller caller : KINDS) {
      if (permitted.contains(caller)) {
        try {
          Permissions.check(caller, request);
        } catch (PosixException e) {
          throw new AssertionError(caller + " may ask " + request, e);
        }
      } else {
        assertThatThrownBy(() -> Permissions.check(caller, request))
            .as(caller + " asks " + request.getBodyCase())
            .isInstanceOfSatisfying(
                PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPROTO));
      }
    }
  }

  @Test
  void everyRequestHasARowAndEachRowHolds() {
    assertThat(TABLE.keySet()).containsExactlyInAnyOrder(BodyCase.values());
    TABLE.forEach((body, permitted) -> assertPermitted(empty(body), permitted));
  }

  @Test
  void whatIsPassedOnOrReadFromOneDiskIsOfNodes() {
    assertPermitted(
        Header.newBuilder().setMutate(Mutate.newBuilder().setForwarded(true)).build(), NODES);
    assertPermitted(Header.newBuilder().setAsk(Ask.newBuilder().setForwarded(true)).build(), NODES);
    assertPermitted(
        Header.newBuilder().setReadBlock(ReadBlock.newBuilder().setLocal(true)).build(), NODES);
  }

  /** A command that is new gets its row in this list by the one who adds it. */
  @Test
  void commandsOfNodesAreOfNodes() {
    Set<String> ofClients =
        Set.of(
            "create",
            "mkdir",
            "symlink",
            "unlink",
            "rmdir",
            "rename",
            "link",
            "make_node",
            "set_xattr",
            "exchange",
            "allocate",
            "create_unnamed",
            "lock_file",
            "cancel_lock",
            "keep_session",
            "set_attributes",
            "write",
            "retain_orphans",
            "copy_range",
            "open_session",
            "close_session");
    for (FieldDescriptor op :
        Command.getDescriptor().findFieldByName("create").getContainingOneof().getFields()) {
      Command.Builder command = Command.newBuilder();
      command.setField(op, command.newBuilderForField(op).build());
      assertPermitted(
          Header.newBuilder().setMutate(Mutate.newBuilder().setCommand(command)).build(),
          ofClients.contains(op.getName()) ? EVERYBODY : NODES);
    }
  }

  @Test
  void whoAsksIsSaidInACommandByNobody() {
    Command.Builder command = Command.newBuilder();
    command.getCredentialsBuilder().setUid(5);
    assertPermitted(
        Header.newBuilder().setMutate(Mutate.newBuilder().setCommand(command)).build(), NOBODY);
  }

  @Test
  void aLogThatIsNotHereIsRefusedToEverybody() {
    for (BodyCase body : BodyCase.values()) {
      assertPermitted(empty(body).toBuilder().setLog(1).build(), NOBODY);
    }
  }
}
