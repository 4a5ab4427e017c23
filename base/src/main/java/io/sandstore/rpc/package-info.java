/** Requests and answers over links: a caller with deadlines, a server with bounds. */
@NullMarked
package io.sandstore.rpc;

import org.jspecify.annotations.NullMarked;
