/**
 * A deterministic simulation of whole clusters: the shipped node and client code on simulated
 * clocks, networks and disks, under one thread and one seed. Starting point: {@link
 * io.sandstore.sim.Simulation}.
 */
@NullMarked
package io.sandstore.sim;

import org.jspecify.annotations.NullMarked;
