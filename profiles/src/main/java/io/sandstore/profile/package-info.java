/** Profiles: one file wires one topology. */
@NullMarked
package io.sandstore.profile;

import org.jspecify.annotations.NullMarked;
