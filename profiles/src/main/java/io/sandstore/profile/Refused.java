package io.sandstore.profile;

/** A part of a profile that cannot be, and why. */
final class Refused extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  private final String key;

  /**
   * @param key the profile's key that is to blame
   * @param why a line that says what to write instead
   */
  Refused(String key, String why) {
    super(why);
    this.key = key;
  }

  String key() {
    return key;
  }
}
