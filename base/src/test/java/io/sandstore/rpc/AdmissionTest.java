package io.sandstore.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.rpc.Admission.Kind;
import org.junit.jupiter.api.Test;

/** Who gets in, at the bounds. */
class AdmissionTest {

  private final Admission<String> admission = new Admission<>(new Admission.Places(2, 4, 3, 1, 1));

  private boolean isAdmitted(String link, String address, Kind kind) {
    assertThat(admission.enter(link, address)).isEmpty();
    boolean admitted = admission.admit(link, kind).isEmpty();
    if (!admitted) {
      admission.leave(link);
    }
    return admitted;
  }

  @Test
  void theStrangerThatWaitsLongestMakesRoom() {
    assertThat(admission.enter("a", "x")).isEmpty();
    assertThat(admission.enter("b", "x")).isEmpty();
    assertThat(admission.enter("c", "x")).contains("a");
    assertThat(admission.admit("a", Kind.CLIENT)).isPresent();
    assertThat(admission.admit("b", Kind.CLIENT)).isEmpty();
    assertThat(admission.enter("d", "x")).isEmpty();
    assertThat(admission.count(Kind.STRANGER)).isEqualTo(2);
  }

  @Test
  void clientsLeaveRoomForNodesAndOperators() {
    for (int i = 0; i < 3; i++) {
      assertThat(isAdmitted("x" + i, "x", Kind.CLIENT)).isTrue();
    }
    assertThat(isAdmitted("x3", "x", Kind.CLIENT)).isFalse();
    assertThat(admission.isFull()).isFalse();
    assertThat(isAdmitted("y0", "y", Kind.CLIENT)).isTrue();
    assertThat(admission.isFull()).isTrue();
    assertThat(isAdmitted("y1", "y", Kind.CLIENT)).isFalse();
    assertThat(isAdmitted("node", "x", Kind.NODE)).isTrue();
    assertThat(isAdmitted("operator", "x", Kind.OPERATOR)).isTrue();
    assertThat(isAdmitted("another", "x", Kind.OPERATOR)).isFalse();
  }

  @Test
  void whoLeavesGivesThePlaceBack() {
    for (int round = 0; round < 10; round++) {
      for (int i = 0; i < 3; i++) {
        assertThat(isAdmitted("x" + i, "x", Kind.CLIENT)).isTrue();
      }
      for (int i = 0; i < 3; i++) {
        admission.leave("x" + i);
        admission.leave("x" + i);
      }
      assertThat(admission.count(Kind.CLIENT)).isZero();
    }
  }

  @Test
  void everyKindHasAPlaceHoweverSmallTheProcess() {
    for (int capacity = 1; capacity <= 1024; capacity *= 2) {
      Admission.Places places = Admission.Places.of(capacity);
      for (Kind kind : Kind.values()) {
        assertThat(places.of(kind)).isPositive();
      }
    }
    Admission.Places usual = Admission.Places.of(1024);
    assertThat(usual.strangers() + usual.clients() + usual.operators() + usual.nodes())
        .isEqualTo(1024);
  }
}
