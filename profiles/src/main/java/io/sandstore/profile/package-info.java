/**
 * Profiles are files: a log, blocks and their settings, chosen by words. {@link
 * io.sandstore.profile.ConfiguredProfile} is what a node is given of one.
 */
@NullMarked
package io.sandstore.profile;

import org.jspecify.annotations.NullMarked;
