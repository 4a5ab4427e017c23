package io.sandstore.client;

import java.time.Instant;
import java.time.temporal.ChronoField;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Attributes to set; the others stay as they are.
 *
 * @param atimeNs what the time has beyond its millisecond, 0 to 999,999; empty with a time: 0
 * @param mtimeNs likewise
 */
public record AttributeChange(
    OptionalInt mode,
    OptionalInt uid,
    OptionalInt gid,
    OptionalLong atimeMs,
    OptionalLong mtimeMs,
    OptionalInt atimeNs,
    OptionalInt mtimeNs) {

  private static final int MILLI = 1_000_000;

  public static final AttributeChange NONE =
      new AttributeChange(
          OptionalInt.empty(),
          OptionalInt.empty(),
          OptionalInt.empty(),
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalInt.empty(),
          OptionalInt.empty());

  public AttributeChange withMode(int value) {
    return new AttributeChange(OptionalInt.of(value), uid, gid, atimeMs, mtimeMs, atimeNs, mtimeNs);
  }

  public AttributeChange withOwner(int newUid, int newGid) {
    return withUid(newUid).withGid(newGid);
  }

  public AttributeChange withUid(int value) {
    return new AttributeChange(
        mode, OptionalInt.of(value), gid, atimeMs, mtimeMs, atimeNs, mtimeNs);
  }

  public AttributeChange withGid(int value) {
    return new AttributeChange(
        mode, uid, OptionalInt.of(value), atimeMs, mtimeMs, atimeNs, mtimeNs);
  }

  public AttributeChange withAtime(long ms) {
    return new AttributeChange(
        mode, uid, gid, OptionalLong.of(ms), mtimeMs, OptionalInt.empty(), mtimeNs);
  }

  public AttributeChange withMtime(long ms) {
    return new AttributeChange(
        mode, uid, gid, atimeMs, OptionalLong.of(ms), atimeNs, OptionalInt.empty());
  }

  /**
   * To the nanosecond, once the cluster is at feature level 3; before, to the millisecond.
   *
   * @throws ArithmeticException if the time is more than 292 million years away
   */
  public AttributeChange withAtime(Instant time) {
    OptionalLong ms = OptionalLong.of(time.toEpochMilli());
    return new AttributeChange(mode, uid, gid, ms, mtimeMs, beyondMilli(time), mtimeNs);
  }

  /** See {@link #withAtime(Instant)}. */
  public AttributeChange withMtime(Instant time) {
    OptionalLong ms = OptionalLong.of(time.toEpochMilli());
    return new AttributeChange(mode, uid, gid, atimeMs, ms, atimeNs, beyondMilli(time));
  }

  private static OptionalInt beyondMilli(Instant time) {
    return OptionalInt.of(time.get(ChronoField.NANO_OF_SECOND) % MILLI);
  }
}
