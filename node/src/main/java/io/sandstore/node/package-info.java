/**
 * A node: its configuration, how it finds or founds its cluster, how it answers requests. Starting
 * point: {@link io.sandstore.node.Node}.
 */
@NullMarked
package io.sandstore.node;

import org.jspecify.annotations.NullMarked;
