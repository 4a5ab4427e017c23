/** A small client of etcd's v3 API, of those calls that a control plane needs. */
@NullMarked
package io.sandstore.etcd;

import org.jspecify.annotations.NullMarked;
