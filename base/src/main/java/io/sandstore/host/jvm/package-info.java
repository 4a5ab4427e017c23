/** The ports of {@link io.sandstore.host} on a real JVM: files, sockets, virtual threads. */
@NullMarked
package io.sandstore.host.jvm;

import org.jspecify.annotations.NullMarked;
