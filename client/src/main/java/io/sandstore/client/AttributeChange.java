package io.sandstore.client;

import java.util.OptionalInt;
import java.util.OptionalLong;

/** Attributes to set; the others stay as they are. */
public record AttributeChange(
    OptionalInt mode,
    OptionalInt uid,
    OptionalInt gid,
    OptionalLong atimeMs,
    OptionalLong mtimeMs) {

  public static final AttributeChange NONE =
      new AttributeChange(
          OptionalInt.empty(),
          OptionalInt.empty(),
          OptionalInt.empty(),
          OptionalLong.empty(),
          OptionalLong.empty());

  public AttributeChange withMode(int value) {
    return new AttributeChange(OptionalInt.of(value), uid, gid, atimeMs, mtimeMs);
  }

  public AttributeChange withOwner(int newUid, int newGid) {
    return new AttributeChange(
        mode, OptionalInt.of(newUid), OptionalInt.of(newGid), atimeMs, mtimeMs);
  }

  public AttributeChange withUid(int value) {
    return new AttributeChange(mode, OptionalInt.of(value), gid, atimeMs, mtimeMs);
  }

  public AttributeChange withGid(int value) {
    return new AttributeChange(mode, uid, OptionalInt.of(value), atimeMs, mtimeMs);
  }

  public AttributeChange withAtime(long ms) {
    return new AttributeChange(mode, uid, gid, OptionalLong.of(ms), mtimeMs);
  }

  public AttributeChange withMtime(long ms) {
    return new AttributeChange(mode, uid, gid, atimeMs, OptionalLong.of(ms));
  }
}
