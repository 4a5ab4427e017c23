/**
 * How fast a cluster is, seen by a client, and the ceilings of the machine under it. Starting
 * point: {@link io.sandstore.bench.Bench}.
 */
@NullMarked
package io.sandstore.bench;

import org.jspecify.annotations.NullMarked;
