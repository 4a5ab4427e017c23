/** What a node can be told. */
@NullMarked
package io.sandstore.config;

import org.jspecify.annotations.NullMarked;
