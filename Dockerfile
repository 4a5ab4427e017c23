# The image of a node. Three stages:
#   build    compiles on the builder's own platform (no emulation of Maven on Apple silicon)
#   runtime  links a Java runtime of just the modules we use, for the target platform
#   node     Debian, that runtime and the jars; no compiler, no package of its own, no root
ARG TARGETOS=linux
ARG TARGETARCH=amd64

FROM --platform=$BUILDPLATFORM maven:3-eclipse-temurin-25 AS build
WORKDIR /src
COPY pom.xml ./
COPY .mvn .mvn
COPY wire wire
COPY base base
COPY replication replication
COPY raft raft
COPY chain chain
COPY blocks blocks
COPY client client
COPY profiles profiles
COPY node node
COPY control control
COPY bench bench
COPY testkit testkit
COPY cli cli
COPY extensions extensions
COPY sim/pom.xml sim/pom.xml
COPY chaos/pom.xml chaos/pom.xml
COPY deploy/pom.xml deploy/pom.xml
# What git knows of formatting, lint of tests and toolchains is the tests' business; an error in the
# code still ends the build here.
RUN --mount=type=cache,target=/root/.m2 \
    mvn -B -ntp -q -pl cli -am -Dmaven.test.skip=true -Dspotless.check.skip=true -Dtoolchain.skip=true package

FROM --platform=$TARGETOS/$TARGETARCH eclipse-temurin:25-jdk AS runtime
RUN jlink --output /opt/jre --strip-java-debug-attributes --no-header-files --no-man-pages --compress zip-6 \
    --add-modules java.base,java.logging,java.management,java.naming,java.net.http,java.xml,jdk.httpserver,jdk.management,jdk.unsupported,jdk.jcmd,jdk.jfr \
    && /opt/jre/bin/java -XX:+UseCompactObjectHeaders -XX:+UseG1GC -Xshare:dump
COPY --from=build /src/cli/target/lib /opt/sandstore
COPY --from=build /src/extensions /opt/sandstore/extensions
ARG PROFILE
# The archive of loaded classes halves the start. Before it: is the profile's name known? The JVM that
# writes it, at its end, can crash (seen: SIGSEGV in LambdaProxyClassDictionary of 25.0.3): tried again.
RUN export SANDSTORE_PROFILE=$PROFILE; \
    check() { /opt/jre/bin/java "$@" -XX:+UseSerialGC -XX:+UseCompactObjectHeaders \
      --enable-native-access=ALL-UNNAMED -cp "/opt/sandstore/sandstore-cli-0.1.0.jar:/opt/sandstore/extensions/*" \
      io.sandstore.cli.Main node --check-profile "$PROFILE"; }; \
    check && for try in 1 2 3; do \
      rm -f /opt/sandstore/sandstore.jsa; \
      check -XX:ArchiveClassesAtExit=/opt/sandstore/sandstore.jsa && break; \
      [ $try -lt 3 ] || exit 1; \
    done

FROM --platform=$TARGETOS/$TARGETARCH debian:bookworm-slim AS node
COPY --from=runtime /opt/jre /opt/jre
COPY --from=runtime /opt/sandstore /opt/sandstore
ARG PROFILE
ENV SANDSTORE_PROFILE=$PROFILE
LABEL io.sandstore.profile=$PROFILE
USER 10001:10001
EXPOSE 9070 9080
# 364 MiB of heap for a million files and 144 MiB of buffers; with what a JVM takes besides they fit
# into 640 MiB.
ENTRYPOINT ["/opt/jre/bin/java", "-Xmx364m", "-XX:MaxNewSize=32m", "-XX:MaxDirectMemorySize=144m", \
  "-XX:+UseSerialGC", "-XX:+UseCompactObjectHeaders", "-XX:+ExitOnOutOfMemoryError", \
  "-XX:SharedArchiveFile=/opt/sandstore/sandstore.jsa", "-Xlog:disable", \
  "-Xlog:all=error:stderr", "-XX:-UsePerfData", "-Djdk.virtualThreadScheduler.parallelism=8", \
  "-Dsun.net.inetaddr.ttl=5", "-Dsun.net.inetaddr.negative.ttl=0", \
  "--enable-native-access=ALL-UNNAMED", \
  "-cp", "/opt/sandstore/sandstore-cli-0.1.0.jar:/opt/sandstore/extensions/*", "io.sandstore.cli.Main"]
CMD ["node"]
