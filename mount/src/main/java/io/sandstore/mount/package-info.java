/** A cluster as a directory of Linux: the kernel's FUSE protocol, spoken on /dev/fuse. */
@NullMarked
package io.sandstore.mount;

import org.jspecify.annotations.NullMarked;
