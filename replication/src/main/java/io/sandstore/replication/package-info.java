/**
 * What a profile chooses, as ports: the log that orders commands ({@link
 * io.sandstore.replication.CommandLog}), the plane that keeps blocks ({@link
 * io.sandstore.replication.BlockPlane}) and what the two build on. A {@link
 * io.sandstore.replication.Profile} constructs them; a node knows nothing else of them.
 */
@NullMarked
package io.sandstore.replication;

import org.jspecify.annotations.NullMarked;
