package io.sandstore.cli;

import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Enumeration;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;

/**
 * Brings the classes of a jar to today's version of the class file format. The JVM keeps no classes
 * from before Java 6 in its cache, and checks their code anew, slowly, at every start: picocli's
 * are of Java 5. Run by the build on its own copy of the jar; nothing but the version and the stack
 * maps changes.
 */
final class ClassFiles {

  /** Java 6, the first with stack maps. */
  private static final int FIRST_WITH_STACK_MAPS = ClassFile.JAVA_6_VERSION;

  private ClassFiles() {}

  public static void main(String[] args) throws IOException {
    for (String jar : args) {
      renew(Path.of(jar));
    }
  }

  /** Does nothing to a jar whose classes are new enough. */
  static void renew(Path jar) throws IOException {
    Path beside = jar.resolveSibling(jar.getFileName() + ".new");
    boolean changed = false;
    try (JarFile in = new JarFile(jar.toFile());
        URLClassLoader loader = new URLClassLoader(new URL[] {jar.toUri().toURL()});
        JarOutputStream out = new JarOutputStream(Files.newOutputStream(beside))) {
      ClassFile classFile =
          ClassFile.of(
              ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
              ClassFile.ClassHierarchyResolverOption.of(
                  ClassHierarchyResolver.ofResourceParsing(loader)
                      .orElse(ClassHierarchyResolver.defaultResolver())));
      for (Enumeration<JarEntry> all = in.entries(); all.hasMoreElements(); ) {
        JarEntry entry = all.nextElement();
        byte[] bytes = in.getInputStream(entry).readAllBytes();
        if (entry.getName().endsWith(".class")) {
          ClassModel model = classFile.parse(bytes);
          if (model.majorVersion() < FIRST_WITH_STACK_MAPS) {
            bytes = renewed(classFile, model);
            changed = true;
          }
        }
        JarEntry copy = new JarEntry(entry.getName());
        copy.setTime(entry.getTime());
        out.putNextEntry(copy);
        out.write(bytes);
        out.closeEntry();
      }
    }
    if (changed) {
      Files.move(beside, jar, StandardCopyOption.REPLACE_EXISTING);
    } else {
      Files.delete(beside);
    }
  }

  private static byte[] renewed(ClassFile classFile, ClassModel model) {
    ClassTransform version =
        (builder, element) -> {
          if (element instanceof ClassFileVersion) {
            builder.withVersion(ClassFile.JAVA_17_VERSION, 0);
          } else {
            builder.with(element);
          }
        };
    return classFile.transformClass(
        model, version.andThen(ClassTransform.transformingMethodBodies(CodeTransform.ACCEPT_ALL)));
  }
}
