/**
 * The client library. Starting points: {@link io.sandstore.client.SandstoreClient} and, for
 * programs that only know java.nio.file, {@link io.sandstore.client.SandFileSystemProvider}.
 */
@NullMarked
package io.sandstore.client;

import org.jspecify.annotations.NullMarked;
