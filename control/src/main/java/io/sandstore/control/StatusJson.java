package io.sandstore.control;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.google.protobuf.Descriptors.FieldDescriptor;
import io.sandstore.wire.ClusterStatus;
import io.sandstore.wire.Event;
import io.sandstore.wire.Member;
import io.sandstore.wire.NodeStatus;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A cluster's status for programs: the command line's and the dashboard's. */
public final class StatusJson {

  private static final ObjectMapper JSON = new ObjectMapper();

  private StatusJson() {}

  /** Indented, for people who look. */
  public static String pretty(ClusterStatus all) throws JsonProcessingException {
    return JSON.writer(SerializationFeature.INDENT_OUTPUT).writeValueAsString(nodes(all));
  }

  static String line(Map<String, ?> values) throws JsonProcessingException {
    return JSON.writeValueAsString(values);
  }

  static List<Map<String, Object>> nodes(ClusterStatus all) {
    List<Map<String, Object>> nodes = new ArrayList<>();
    for (ClusterStatus.Entry entry : all.getNodesList()) {
      Map<String, Object> node = new LinkedHashMap<>();
      node.put("name", entry.getName());
      node.put("address", entry.getAddress());
      node.put("answers", entry.hasStatus());
      if (entry.hasStatus()) {
        put(node, entry.getStatus());
      }
      nodes.add(node);
    }
    return nodes;
  }

  private static void put(Map<String, Object> node, NodeStatus s) {
    for (FieldDescriptor field : s.getDescriptorForType().getFields()) {
      if (!field.isRepeated()) {
        node.put(field.getName(), s.getField(field));
      }
    }
    node.put("not_ready", List.copyOf(s.getNotReadyList()));
    node.put("members", s.getMembersList().stream().map(Member::getName).toList());
    node.put("behind", s.getBehindMap());
    node.put("events", s.getEventsList().stream().map(StatusJson::event).toList());
  }

  private static Map<String, Object> event(Event event) {
    return Map.of("time_ms", event.getTimeMs(), "text", event.getText());
  }
}
