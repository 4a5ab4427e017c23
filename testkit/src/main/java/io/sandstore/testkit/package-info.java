/**
 * What tests, the demo and people share: three nodes on this machine ({@link
 * io.sandstore.testkit.LocalCluster}), a walk through all that must work ({@link
 * io.sandstore.testkit.Smoke}), an outage measured ({@link io.sandstore.testkit.Failover}).
 */
@NullMarked
package io.sandstore.testkit;

import org.jspecify.annotations.NullMarked;
