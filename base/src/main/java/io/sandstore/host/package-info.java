/**
 * The machine as Sand Store sees it: clock, randomness, threads, disk and network behind small
 * ports.
 *
 * <p>Everything above this package reaches the machine through {@link io.sandstore.host.Host} and
 * nothing else, which is what lets the simulator run the shipped code under one thread and one
 * seed.
 */
@NullMarked
package io.sandstore.host;

import org.jspecify.annotations.NullMarked;
