/** The command line. Starting point: {@link io.sandstore.cli.Main}. */
@NullMarked
package io.sandstore.cli;

import org.jspecify.annotations.NullMarked;
