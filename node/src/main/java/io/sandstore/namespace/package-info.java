/**
 * The tree of files as a deterministic state machine: inodes, directory entries, the extents that
 * map a file's bytes to blocks, and who holds which block. Starting point: {@link
 * io.sandstore.namespace.Namespace}.
 */
@NullMarked
package io.sandstore.namespace;

import org.jspecify.annotations.NullMarked;
