/**
 * File data: immutable blocks on disk, their replication, repair and collection. Starting points:
 * {@link io.sandstore.block.BlockWriter} for the write path, {@link io.sandstore.block.BlockReader}
 * for the read path.
 */
@NullMarked
package io.sandstore.block;

import org.jspecify.annotations.NullMarked;
