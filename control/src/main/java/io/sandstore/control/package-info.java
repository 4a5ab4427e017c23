/** What surrounds a node: discovery, etcd, probes, metrics, its pod. */
@NullMarked
package io.sandstore.control;

import org.jspecify.annotations.NullMarked;
