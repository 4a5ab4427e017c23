# The image of a node. Three stages:
#   build    compiles on the builder's own platform (no emulation of Maven on Apple silicon)
#   runtime  links a Java runtime of just the modules we use, for the target platform
#   node     Debian, that runtime and the jars; no compiler, no package of its own, no root
ARG TARGETOS=linux
ARG TARGETARCH=amd64

FROM --platform=$BUILDPLATFORM maven:3-eclipse-temurin-25 AS build
WORKDIR /src
# What git knows of formatting, lint of tests and toolchains is the tests' business; an error in the
# code still ends the build here.
ENV BUILD="mvn -B -ntp -q -Dmaven.test.skip=true -Dspotless.check.skip=true -Dtoolchain.skip=true package"
COPY pom.xml ./
COPY .mvn .mvn
COPY base/pom.xml base/pom.xml
COPY replication/pom.xml replication/pom.xml
COPY raft/pom.xml raft/pom.xml
COPY blocks/pom.xml blocks/pom.xml
COPY client/pom.xml client/pom.xml
COPY mount/pom.xml mount/pom.xml
COPY profiles/pom.xml profiles/pom.xml
COPY node/pom.xml node/pom.xml
COPY control/pom.xml control/pom.xml
COPY bench/pom.xml bench/pom.xml
COPY testkit/pom.xml testkit/pom.xml
COPY cli/pom.xml cli/pom.xml
COPY sim/pom.xml sim/pom.xml
COPY chain/pom.xml chain/pom.xml
COPY chaos/pom.xml chaos/pom.xml
COPY deploy/pom.xml deploy/pom.xml
# In layers, from what seldom changes to what often does: an update compiles what its change reaches.
# A layer is its modules' sources and nothing else, so that what Maven finds compiled is theirs.
COPY wire wire
RUN --mount=type=cache,target=/root/.m2 $BUILD -pl wire
COPY base base
COPY replication replication
COPY raft raft
COPY blocks blocks
COPY client client
COPY mount mount
COPY profiles profiles
COPY bench bench
COPY testkit testkit
RUN --mount=type=cache,target=/root/.m2 $BUILD -am -pl profiles,bench,testkit
COPY node node
COPY control control
RUN --mount=type=cache,target=/root/.m2 $BUILD -am -pl control
COPY cli cli
COPY extensions extensions
RUN --mount=type=cache,target=/root/.m2 $BUILD -am -pl cli

FROM --platform=$TARGETOS/$TARGETARCH eclipse-temurin:25-jdk AS runtime
RUN jlink --output /opt/jre --strip-java-debug-attributes --no-header-files --no-man-pages --compress zip-6 \
    --add-modules java.base,java.logging,java.management,java.naming,java.net.http,java.xml,jdk.httpserver,jdk.management,jdk.unsupported,jdk.jcmd,jdk.jfr \
    && /opt/jre/bin/java -XX:+UseCompactObjectHeaders -XX:+UseG1GC -Xshare:dump
COPY --from=build /src/cli/target/lib /opt/sandstore
COPY --from=build /src/extensions /opt/sandstore/extensions
ARG PROFILE
# What the profile is made of, if it is not one of those that were copied.
ARG PROFILE_PARTS=
# The archive of loaded classes halves the start. Before it: is the profile's name known? The JVM that
# writes it, at its end, can crash (seen: SIGSEGV in LambdaProxyClassDictionary of 25.0.3): tried again.
RUN export SANDSTORE_PROFILE=$PROFILE SANDSTORE_PROFILE_PARTS=$PROFILE_PARTS; \
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
ARG PROFILE_PARTS=
ENV SANDSTORE_PROFILE=$PROFILE SANDSTORE_PROFILE_PARTS=$PROFILE_PARTS
LABEL io.sandstore.profile=$PROFILE
USER 10001:10001
EXPOSE 9070 9080
# 364 MiB of heap for a million files and 144 MiB of buffers; with what a JVM takes besides they fit
# into 640 MiB. A profile that keeps blocks in memory takes SANDSTORE_MEMORY_MB more, up to 256: for
# more of it, run the image with another entrypoint that raises MaxDirectMemorySize, and raise the
# container's limit.
ENTRYPOINT ["/opt/jre/bin/java", "-Xmx364m", "-XX:MaxNewSize=32m", "-XX:MaxDirectMemorySize=400m", \
  "-XX:+UseSerialGC", "-XX:+UseCompactObjectHeaders", "-XX:+ExitOnOutOfMemoryError", \
  "-XX:SharedArchiveFile=/opt/sandstore/sandstore.jsa", "-Xlog:disable", \
  "-Xlog:all=error:stderr", "-XX:-UsePerfData", "-Djdk.virtualThreadScheduler.parallelism=8", \
  "-Dsun.net.inetaddr.ttl=5", "-Dsun.net.inetaddr.negative.ttl=0", \
  "--enable-native-access=ALL-UNNAMED", \
  "-cp", "/opt/sandstore/sandstore-cli-0.1.0.jar:/opt/sandstore/extensions/*", "io.sandstore.cli.Main"]
CMD ["node"]
