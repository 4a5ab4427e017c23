package io.sandstore.etcd;

import java.io.IOException;

/** The lease is over: what was put under it is gone. */
public final class LeaseLostException extends IOException {

  private static final long serialVersionUID = 1;

  LeaseLostException() {
    super("the lease is over");
  }
}
