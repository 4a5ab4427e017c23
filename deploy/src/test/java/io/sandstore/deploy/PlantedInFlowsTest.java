package io.sandstore.deploy;

import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectIteration;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import io.sandstore.deploy.StandIns.Edit;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/**
 * Would a test say so if a mended fault of the flows came back? Each is planted again in a copy of
 * the present scripts, and the one test of {@link BadDayTest} that is there for it runs against
 * that copy: it must fail, and for this reason, which its message says.
 *
 * <p>The first fault of each kind is planted in every build, all with {@code -Dflows.planted=.*},
 * and some by a regular expression of their names. The kinds are those of docs/kubernetes.md.
 */
@Tag("slow")
class PlantedInFlowsTest {

  private enum Fault {
    A_COUNT_OF_NONE_FOR_VOLUMES_THAT_NOBODY_LISTED(
        1,
        "volumesThatNobodyCouldListAreNotNone",
        "left: 0 pods, 0 services, 0 claims, 0 volumes",
        edit("teardown", "  ask all get pv -o '", "  all=$(kube get pv -o '"),
        edit(
            "teardown",
            "{.spec.claimRef.uid}{\"\\n\"}{end}'\n  volumes=",
            "{.spec.claimRef.uid}{\"\\n\"}{end}') || true\n  volumes=")),
    A_FAILED_QUERY_IS_AN_EMPTY_ANSWER(
        1,
        "theReceiptIsNotWrittenByQueriesThatFailed",
        "held by nobody",
        edit(
            "cluster",
            "    sleep 1\n  done\n  refusal=\n",
            "    answer='' && break\n  done\n  refusal=\n")),
    AN_OUTAGE_ENDS_THE_FLOW_AT_ONCE(
        1,
        "theReceiptIsNotWrittenByQueriesThatFailed",
        "was: \"unknown\"",
        edit(
            "cluster",
            "    [ $(($(now) - began)) -lt \"$QUERY_TIMEOUT\" ] || unknown \"$*\"",
            "    unknown \"$*\"")),
    AN_OUTAGE_ENDS_WITHOUT_WHAT_IS_KNOWN(
        1,
        "aClusterThatStaysAwayEndsTheFlowWithWhatIsKnown",
        "could not find:\n  [\"known: \"]",
        edit(
            "cluster",
            "    \"known: ${known:-nothing yet}${changed:+; what was begun may be half done}\" \\\n",
            "")),
    A_LOCK_WHOSE_ANSWER_WAS_LOST_IS_ANOTHERS(
        1,
        "aLostAnswerIsNoFailure",
        "another flow is at work: k8s-deploy",
        edit("lock", "    if [ \"$lock_holder\" = \"$mine\" ]; then break; fi\n", "")),
    A_DEPLOY_GOES_ON_FROM_AN_UNWIPED_DISK(
        1,
        "aDeployNeverStartsOnADiskThatIsNotWiped",
        "volumes of before",
        edit(
            "teardown",
            "  change delete pvc -l \"$OURS\" --ignore-not-found --wait=false\n",
            "  kube delete pvc -l \"$OURS\" --ignore-not-found --wait=false || true\n"),
        edit(
            "teardown",
            "  for what in claims volumes services 'other objects'; do",
            "  for what in services 'other objects'; do"),
        edit("teardown", "  [ -z \"$there\" ] || die", "  true || die")),
    AN_OUTAGE_IS_WAITED_OUT_FOR_TWO_MINUTES(
        1,
        "aClusterThatStaysAwayEndsTheFlowWithWhatIsKnown",
        "be between:\n  [60000L, 90000L]",
        edit("cluster", "-lt \"$QUERY_TIMEOUT\" ]", "-lt 120 ]")),
    ANOTHER_WAY_TO_THE_CLUSTER(
        1,
        "thereIsOneWayToTheCluster",
        "teardown.sh",
        edit(
            "teardown",
            "find_ours() { ask ours get \"$1\" -l \"$OURS\" -o name; }",
            "find_ours() { ours=$(kube get \"$1\" -l \"$OURS\" -o name || true); }")),
    WHAT_COMES_BACK_IS_COUNTED_AND_CALLED_DESTROYED(
        1,
        "whatComesBackMeanwhileIsInTheReceipt",
        "left: 0 pods, 0 services, 1 claims",
        edit("teardown", "  [ -z \"$there\" ] || die", "  true || die")),
    AN_UPDATE_ENDS_WITHOUT_WHAT_IT_HAS_REPLACED(
        1,
        "anUpdateThatIsCutOffSaysWhatItHasReplaced",
        "known: nothing yet",
        edit("rollout", "  known=\"${rolled:+", "  : \"${rolled:+"),
        edit("rollout", "        known=\"replaced and", "        : \"replaced and")),
    NODES_THAT_NOBODY_REACHED_HAVE_NO_PRIMARY(
        1,
        "nodesThatCouldNotBeAskedAreNotSaidToHaveNoPrimary",
        "error: the nodes know no primary",
        edit("update", "  *'sandstore: '*) ;;\n", "")),
    THE_OTHERS_ARE_NOT_LOOKED_AT_BEFORE_A_STEP(
        2,
        "kubernetesAloneIsNotBelievedBecauseItHearsOfItLater",
        "sandstore-2: replacing",
        edit(
            "rollout",
            "  if ! pod_is_dead; then\n    # shellcheck",
            "  if false; then\n    # shellcheck")),
    THE_QUORUM_IS_NOT_LOOKED_AT_AFTER_THE_BUILD(
        2,
        "aNodeThatLeavesDuringTheBuildIsNoticedBeforeAnythingIsReplaced",
        "all pods run",
        edit("update", "require_all_steady \"$POD_TIMEOUT\"\n", ""),
        edit(
            "rollout",
            "  if ! pod_is_dead; then\n    # shellcheck",
            "  if false; then\n    # shellcheck")),
    KUBERNETES_ALONE_IS_BELIEVED(
        2,
        "kubernetesAloneIsNotBelievedBecauseItHearsOfItLater",
        "sandstore-2: replacing",
        edit("cluster", "elif ! says_ready \"$pod\"; then", "elif false; then")),
    A_MOMENT_OF_READINESS_IS_ENOUGH(
        2,
        "aMomentOfReadinessDoesNotLetTheRolloutGoOn",
        "all pods run",
        edit("cluster", "      since=$time\n    elif", "      return 0\n    elif")),
    THE_LAST_STEP_IS_TAKEN_WITHOUT_A_LOOK(
        2,
        "theLastStepWaitsForTheOthersAsEveryStepDoes",
        "sandstore-0: replacing",
        edit(
            "rollout",
            "  if ! pod_is_dead; then\n    # shellcheck",
            "  if ! pod_is_dead && [ \"$pod\" != sandstore-0 ]; then\n    # shellcheck")),
    THE_NODES_ALONE_ARE_BELIEVED(
        2,
        "theNodesAloneAreNotBelievedEither",
        "sandstore-2: replacing",
        edit("cluster", "      if ! pod_is_ready; then", "      if false; then")),
    AN_UPDATE_IS_DONE_WHEN_THE_LAST_POD_IS_NEW(
        2,
        "anUpdateIsDoneWhenAllAreInTheQuorum",
        "all pods run",
        edit(
            "rollout",
            "  await_steady \"$POD_TIMEOUT\" $(all_pods) || die \"all",
            "  true || die \"all")),
    A_HALF_WAY_UPDATE_IS_REFUSED(
        3,
        "anInterruptedGoodUpdateIsResumed",
        "halted half-way",
        edit(
            "update",
            "require_all_steady 20\n",
            "require_all_steady 20\nsee_set\n[ \"$set_current\" = \"$set_update\" ] || die \"an earlier rollout is halted half-way\" \"run: make k8s-rollback\"\n")),
    ROLLBACK_DELETES_WITHOUT_A_LOOK_AT_THE_OTHERS(
        3,
        "rollbackReplacesNoPodWhileAnotherIsMissing",
        "sandstore-2: replacing",
        edit(
            "rollout",
            "  if ! pod_is_dead; then\n    # shellcheck",
            "  if ! pod_is_dead && [ \"$set_update\" != \"$set_current\" ]; then\n    # shellcheck")),
    ROLLBACK_BREAKS_OFF_WHERE_A_POD_IS_ABSENT(
        3,
        "rollbackGoesOnWhereAPodIsAbsent",
        "NotFound",
        edit("rollout", "  elif [ -n \"$pod_uid\" ] && [ -z \"$pod_deleted\" ]; then", "  else"),
        edit(
            "rollout",
            "    change delete pod \"$pod\" --ignore-not-found --wait=false",
            "    change delete pod \"$pod\" --wait=false")),
    ROLLBACK_KNOWS_OF_NO_CHANGE_BY_HAND(
        3,
        "aChangeMadeByHandIsNoDeadEnd",
        "expected: \"rolled-back\"",
        edit("rollback", "if [ \"$set_current\" != \"$set_update\" ]; then", "if false; then")),
    A_RESUMED_UPDATE_FORGETS_WHAT_RAN_BEFORE(
        3,
        "anInterruptedGoodUpdateIsResumed",
        "element(s) not found",
        edit(
            "update",
            "if [ \"$set_current\" = \"$set_update\" ] && [ \"$new\" != \"$set_image\" ]; then",
            "if true; then")),
    STATUS_HIDES_THE_PARTITION(
        3,
        "statusShowsPartitionRevisionsAndImages",
        "could not find:\n  [\"partition  0\"]",
        edit("status", "  say \"partition  $set_partition", "  : \"partition  $set_partition")),
    STATUS_HIDES_THE_REVISIONS(
        3,
        "statusShowsPartitionRevisionsAndImages",
        "could not find:\n  [\"revisions  current r\"]",
        edit("status", "  say \"revisions  current", "  : \"revisions  current")),
    STATUS_HIDES_THE_IMAGE(
        3,
        "statusShowsPartitionRevisionsAndImages",
        "could not find:\n  [\"image ",
        edit("status", "  say \"image      $set_image\"\n", "")),
    STATUS_HIDES_THE_PODS_IMAGES(
        3,
        "anInterruptedGoodUpdateIsResumed",
        "could not find:\n  [\"registry",
        edit(
            "status",
            "${pod_waiting:+  $pod_waiting}  $pod_image\"",
            "${pod_waiting:+  $pod_waiting}\""),
        edit("status", "  say \"before     ${set_previous:-none to roll back to}\"\n", "")),
    AN_INTERRUPTED_ROLLBACK_IS_A_DONE_UPDATE(
        3,
        "anInterruptedRollbackIsNotTakenForADoneUpdate",
        "\"nothing to do\"",
        edit("update", " && [ -z \"$next\" ]; then", "; then")),
    THE_PARTITION_STAYS_HALF_WAY(
        3,
        "rollbackGoesOnWhereAPodIsAbsent",
        "but was: 3",
        edit("rollout", "  partition 0\n  see_settled_set", "  see_settled_set")),
    WHAT_ADMISSION_SAYS_OF_PODS_IS_FOUND_AFTER_THE_DESTROY(
        4,
        "whatAdmissionSaysOfPodsIsFoundBeforeAnythingIsDeleted",
        "etcd-cluster-0 was not created",
        edit(
            "preflight",
            "  dry_run_pods statefulset-etcd\n  dry_run_pods statefulset-sandstore\n",
            "")),
    A_REFUSED_PROFILE_IS_DEPLOYED(
        4,
        "aProfilesLineThatNobodyUnderstandsIsRefused[2]",
        "was: \"deployed\"",
        edit(
            "lib",
            "die \"the profile is refused\" \"$(cat \"$scratch/profile\")\" \"see: sandstore profile check $PROFILE\"",
            "true")),
    AN_IMAGE_IS_NOT_TOLD_OF_ITS_PROFILE(
        4,
        "aProfileOfSomewhereElseReachesTheImageAndTheConfigMap",
        "docker build",
        edit("build", "parts=$(setting SANDSTORE_PROFILE_PARTS) ;;", "parts= ;;")),
    A_PROFILE_IS_NAMED_BY_ITS_PATH(
        4,
        "aProfileOfSomewhereElseReachesTheImageAndTheConfigMap",
        "was: 1",
        edit("lib", "profile=$(basename \"$PROFILE\" .conf)", "profile=$PROFILE")),
    A_PROFILES_SETTING_IS_LEFT_OUT(
        4,
        "aProfileOfSomewhereElseReachesTheImageAndTheConfigMap",
        "SANDSTORE_SLOW_MS",
        edit(
            "config",
            "if (key in value) { printf \"  %s: \\\"%s\\\"\\n\", key, value[key]; there[key] = 1 } else if (!own) print",
            "if (!own) print; there[key] = 1")),
    ANOTHER_PROFILES_KEYS_STAY(
        4,
        "keysThatAProfileDoesNotHaveAreNotInItsConfigMap",
        "SANDSTORE_OF_ANOTHER",
        edit("config", "else if (!own) print", "else print")),
    A_PROFILES_OWN_KEYS_ARE_LEFT_OUT(
        4,
        "keysThatAProfileDoesNotHaveAreNotInItsConfigMap",
        "SANDSTORE_HEARTBEAT_MS",
        edit("config", "    END { for (i = 1;", "    END { for (i = n + 1;")),
    A_NEW_KEY_OF_A_PROFILE_IS_ALWAYS_AT_ITS_DEFAULT(
        10,
        "anotherKeyWithAValueOfItsOwnIsNamed[1]",
        "was: \"updated\"",
        edit("config", "profile env --untuned \"$PROFILE\"", "profile env \"$PROFILE\"")),
    ANOTHERS_NODE_PORT_IS_FOUND_AFTER_THE_DESTROY(
        4,
        "anotherServicesNodePortIsFoundBeforeAnythingIsDeleted",
        "was: \"failed\"",
        edit("preflight", "  refuse_taken_port\n", "")),
    A_QUOTA_IS_FOUND_AFTER_THE_DESTROY(
        4,
        "aQuotaThatLeavesNoRoomIsFoundBeforeAnythingIsDeleted",
        "was: \"deployed\"",
        edit("preflight", "  require_quota\n  try", "  try")),
    AN_IMAGE_IS_PULLED_AFTER_THE_DESTROY(
        4,
        "anImageThatTheClusterCannotPullIsFoundBeforeAnythingIsDeleted",
        "its image cannot be pulled",
        edit("preflight", "  try_pull\n}", "}")),
    OBJECTS_ARE_TRIED_AFTER_THE_DESTROY(
        4,
        "whatTheApiServerWouldNotTakeIsFoundBeforeAnythingIsDeleted",
        "was: \"failed\"",
        edit("preflight", "  for file in \"$rendered\"/*.yaml; do dry_run \"$file\"; done\n", "")),
    CLAIMS_ARE_TRIED_AFTER_THE_DESTROY(
        4,
        "whatTheApiServerWouldNotTakeIsFoundBeforeAnythingIsDeleted[7]",
        "was: \"deployed\"",
        edit("preflight", "  try_taken \"a claim of $1\"", "  : \"a claim of $1\"")),
    COMPOSE_READS_PROFILES_BY_ITSELF(
        4,
        "composeIsGivenTheProfileAsKubernetesIs",
        "to contain:\n  [\"the profile is refused\"",
        edit("compose-up", "read_profile\n", "settings=$(grep ^SANDSTORE_ \"$PROFILE\")\n")),
    A_QUOTA_OF_OBJECTS_IS_FOUND_AFTER_THE_DESTROY(
        4,
        "aQuotaOfObjectsIsReckonedWithToo",
        "was: \"deployed\"",
        edit("preflight", "    /^kind:/ { object(comes, tolower($2), group) }\n", "")),
    A_CLAIM_IS_OURS_BY_ONE_LABEL(
        5,
        "whatBelongsToOthersIsNotTouchedAndNotWaitedFor",
        "could not find the following map entries:\n  [Key[kind=persistentvolumeclaim, namespace=default, name=only-labelled]",
        edit(
            "teardown",
            "  change delete pvc -l \"$OURS\"",
            "  change delete pvc -l app=sandstore")),
    VOLUMES_ARE_OURS_BY_THEIR_CLASS(
        5,
        "whatBelongsToOthersIsNotTouchedAndNotWaitedFor",
        "persistentvolume/shop-volume",
        edit(
            "teardown",
            "    $2 != class || $3 != \"default\" { next }\n",
            "    $2 == class { print \"persistentvolume/\" $1; next }\n")),
    ADVICE_NAMES_VOLUMES_OF_OTHERS(
        5,
        "adviceOnFinalizersNamesOnlyWhatIsOurs",
        "not to contain:\n  \"persistentvolume/shop-volume\"",
        edit(
            "teardown",
            "    $2 != class || $3 != \"default\" { next }\n",
            "    $2 == class { print \"persistentvolume/\" $1; next }\n")),
    A_STORAGE_CLASS_IS_TAKEN_FROM_OTHERS(
        5,
        "whatBelongsToOthersIsNotTouchedAndNotWaitedFor",
        "others use it",
        edit("teardown", "  if [ -n \"$users\" ]; then\n    class", "  if false; then\n    class")),
    A_STORAGE_CLASS_STAYS_WITHOUT_A_WORD(
        5,
        "whatBelongsToOthersIsNotTouchedAndNotWaitedFor",
        "could not find:\n  [\"StorageClass",
        edit("teardown", "  [ -z \"$class_stays\" ] || say \"$class_stays\"\n", "")),
    ANOTHER_ETCD_IS_DELETED_BY_ITS_NAME(
        5,
        "anotherEtcdIsInTheWayAndStays",
        "but was empty",
        edit(
            "teardown",
            "  change delete pods -l \"$OURS\" --ignore-not-found --wait=false\n  known",
            "  change delete -f deploy/k8s --ignore-not-found --wait=false\n  known")),
    ANOTHER_ETCD_IS_OVERWRITTEN(
        5,
        "anotherEtcdIsInTheWayAndStays",
        "kubectl apply",
        edit("preflight", "  refuse_foreign\n", "")),
    A_DEPLOY_LEAVES_NO_MARK_OF_ITS_OWN(
        5,
        "everyObjectCarriesTheMarkOfItsDeploy",
        "\"by-hand\"",
        edit(
            "config",
            "sed \"s|$MARK: by-hand|$MARK: $1|\" >\"$rendered/configmap.yaml\"",
            "cat >\"$rendered/configmap.yaml\"")),
    A_STORAGE_CLASS_IS_OURS_BY_ITS_NAME(
        5,
        "whatHasOurNamesOnlyIsInTheWayAndStays",
        "storageclass/sandstore-local-ssd",
        edit("cluster", "rolebinding storageclass pvc pod; do", "rolebinding pvc pod; do")),
    A_POD_IS_OURS_BY_ITS_NAME(
        5,
        "whatHasOurNamesOnlyIsInTheWayAndStays",
        "\"pod/sandstore-2\"",
        edit(
            "cluster", "rolebinding storageclass pvc pod; do", "rolebinding storageclass pvc; do")),
    A_VOLUME_IS_OURS_BY_ITS_CLAIMS_NAME(
        5,
        "whatHasOurNamesOnlyIsInTheWayAndStays",
        "was: \"failed\"",
        edit("teardown", "(!($5 in alive) && $4", "($4")),
    A_STREAM_BREAKS_WITHOUT_A_WORD(
        6,
        "aStreamThatBreaksIsSaidAndTakenUpAgain",
        "to contain:\n  \"the stream broke\"",
        edit(
            "logs",
            "        printf '[%s] -- the stream broke; it is taken up again\\n' \"$pod\" || exit 0\n",
            "")),
    A_BROKEN_STREAM_IS_LOST(
        6,
        "aStreamThatBreaksIsSaidAndTakenUpAgain",
        "a follower of sandstore-1",
        edit("logs", "  mv \"$scratch/$2\" \"$scratch/$2.ended\" 2>/dev/null || true\n", "")),
    A_STREAM_IS_TAKEN_UP_FROM_ITS_BEGIN(
        6,
        "aStreamThatBreaksIsSaidAndTakenUpAgain",
        "was: \"[sandstore-1] before the break\"",
        edit("logs", "      [[ ${time%Z} > ${last%Z} ]] || continue\n", "")),
    LOGS_NEVER_END(
        6,
        "logsEndWhenNobodyReadsAnyMore",
        "the flow ends",
        edit("logs", "until reader_is_gone; do", "while :; do"),
        edit(
            "logs",
            "it is taken up again\\n' \"$pod\" || exit 0",
            "it is taken up again\\n' \"$pod\" || true")),
    LOGS_END_WITH_THE_NEXT_LINE(
        6,
        "logsEndAtOnceWhenTheReaderIsGone",
        "the flow ends",
        edit("logs", "    read -r -t 0 -u 1 2>/dev/null\n", "    false\n")),
    A_FOLLOWER_OUTLIVES_THE_LOGS(
        6,
        "logsEndAtOnceWhenTheReaderIsGone",
        "its followers end",
        edit("logs", "      set -m\n", "")),
    A_FILE_IS_A_READER_THAT_IS_GONE(
        6,
        "logsGoOnAsLongAsSomebodyReads[1]",
        "a follower of sandstore-0",
        edit("logs", "  [ -p /dev/stdout ] || return 1\n", "")),
    AN_OUT_OF_MEMORY_KILL_IS_A_BLANK_LINE(
        7,
        "anOutOfMemoryKillIsExplained",
        "could not find:\n  [\"at its memory limit",
        edit(
            "explain",
            "  local words='' found=0\n  explain \"$1\"\n",
            "  local words='' found=0\n")),
    THE_CAUSE_COMES_AFTER_THE_WORDS(
        7,
        "anOutOfMemoryKillIsExplained",
        "\"(it said nothing)\" was found before",
        edit(
            "explain",
            "  local words='' found=0\n  explain \"$1\"\n",
            "  local words='' found=0\n"),
        edit(
            "explain",
            "  find_events \"$1\"\n  step \"events\"\n",
            "  explain \"$1\"\n  find_events \"$1\"\n  step \"events\"\n")),
    A_CRASH_WITHOUT_EVENTS(
        7,
        "anOutOfMemoryKillIsExplained",
        "could not find:\n  [\"BackOff",
        edit("explain", "  say \"${events:-none}\"\n", "  say none\n")),
    A_SAVED_CRASH_OF_ONE_BYTE(
        7,
        "aSavedCrashHasTheExplanationEvenWhereThePodSaidNothing",
        "could not find:\n  [\"Error, exit code 1\"",
        edit(
            "explain",
            "  post_mortem \"$1\" >\"$crash_file\"",
            "  find_last_words \"$1\" && printf '%s' \"$words\" >\"$crash_file\"")),
    WORDS_THAT_NOBODY_WAS_ASKED_FOR_ARE_GONE(
        7,
        "lastWordsThatNobodyCouldBeAskedForAreNotCalledGone",
        "is not there",
        edit("explain", "      ! definite || return 1\n", "      return 1\n")),
    LAST_WORDS_ARE_ASKED_FOR_ONCE(
        7,
        "lastWordsAreAskedForAgainWhileTheirContainerIsGone",
        "unable to retrieve",
        edit(
            "explain", "  for attempt in 1 2 3 4 5 6 7 8 9 10; do\n", "  for attempt in 10; do\n")),
    A_HOPELESS_QUOTA_IS_WAITED_FOR(
        8,
        "aQuotaThatAppearsLateIsCalledByItsNameAndAtOnce",
        "less than:\n  10000L",
        edit("deploy", "    [ -z \"$hopeless\" ] ||", "    true ||")),
    A_QUOTA_IS_A_FULL_DISK(
        8,
        "aQuotaThatAppearsLateIsCalledByItsNameAndAtOnce",
        "SSD has room",
        edit("explain", "      words=$(last_event FailedCreate)\n", "      words=''\n"),
        edit("deploy", "      case $trouble in *Pending*) ssd_hint ;; esac", "      ssd_hint")),
    TROUBLE_IS_TOLD_AT_THE_DEADLINE(
        8,
        "podsThatDoNotFitAreExplainedWhenItIsKnown",
        "\"only 0 of 3 nodes are ready after 20 s\" was found before",
        edit(
            "deploy",
            "    if [ -n \"$trouble\" ] && [ \"$trouble\" != \"$told\" ]; then printf '%s\\n' \"$trouble\" | sed 's/^/   /' >&2; fi\n",
            "")),
    A_PULL_THAT_FAILS_IS_NOT_EXPLAINED(
        8,
        "anImageThatCannotBePulledIsNotWaitedFor",
        "could not find:\n  [\"its image cannot be pulled\"",
        edit(
            "explain",
            "        ErrImagePull | ImagePullBackOff | InvalidImageName | ErrImageNeverPull)\n",
            "        no-such)\n")),
    A_VOLUME_THAT_IS_NOT_BOUND_HAS_NO_SENTENCE(
        8,
        "aVolumeThatIsNotBoundIsExplainedWhenItIsKnown",
        "could not find:\n  [\"its claim data-sandstore-0",
        edit("explain", "claim_trouble \"$pod\" ;; esac", ": ;; esac")),
    AN_EARLIER_DEPLOYS_EVENTS_ARE_THIS_ONES(
        8,
        "anEarlierDeploysQuotaIsNotThisOnes",
        "was: \"failed\"",
        edit(
            "explain",
            "      find_events \"$set\" \"${uid:-none}\"\n",
            "      find_events \"$set\"\n")),
    A_PULL_THAT_FAILS_IS_WAITED_FOR(
        8,
        "anImageThatCannotBePulledIsNotWaitedFor",
        "less than:\n  10000L",
        edit("deploy", "    [ -z \"$hopeless\" ] ||", "    true ||")),
    AN_UPDATE_WITHOUT_A_SENTENCE_FOR_A_POD_THAT_IS_NOT_MADE(
        8,
        "anUpdateSaysWhyAPodIsNotMade",
        "is not ready after 20 s. 2 of the 2",
        edit("rollout", "      if [ \"$failed\" != \"$failed_before\" ] &&", "      if false &&")),
    AN_UPDATE_REPEATS_YESTERDAYS_EVENTS(
        8,
        "anUpdateDoesNotRepeatWhatWasSaidOfAnEarlierDay",
        "not to contain:\n  \"yesterday\"",
        edit("rollout", "      if [ \"$failed\" != \"$failed_before\" ] &&", "      if true &&")),
    A_FLOW_WHOSE_PLACE_WAS_TAKEN_GOES_ON(
        9,
        "aFlowWhosePlaceWasTakenGoesNoFurther",
        "could not find:\n  [\"this flow was replaced\"",
        edit("lock", "  [ \"$lock_holder\" = \"$holder\" ] || {", "  true || {")),
    NOBODY_LOCKS(
        9,
        "ofTwoFlowsAtOnceOneIsToldWhoIsAtWork",
        "was: \"updated\"",
        edit("update", "lock k8s-update\n", "")),
    A_LOCK_WITHOUT_A_TIME(
        9,
        "ofTwoFlowsAtOnceOneIsToldWhoIsAtWork",
        "since 20",
        edit("lock", ", acquireTime: \"$time\"}\nYAML", "}\nYAML")),
    A_LOCK_WITHOUT_A_PURPOSE(
        9,
        "ofTwoFlowsAtOnceOneIsToldWhoIsAtWork",
        "another flow is at work: k8s-update, by ",
        edit("lock", "  annotations: {sandstore.io/flow: \"$1\"}\n", "")),
    A_LOCK_IS_KEPT_AFTER_THE_END(
        9,
        "ofTwoFlowsAtOnceOneIsToldWhoIsAtWork",
        "sandstore-flow",
        edit("lock", "  for attempt in 1 2 3; do\n", "  for attempt in; do\n")),
    A_LOCK_CANNOT_BE_TAKEN_OVER(
        9,
        "aLockOfAnotherComputerIsTakenOverOnlyWhenSomebodySaysSo",
        "expected: \"destroyed\"",
        edit("lock", "  [ \"$TAKE_OVER\" != \"$lock_holder\" ] || return 0\n", "")),
    A_LOCK_IS_TAKEN_OVER_UNASKED(
        9,
        "aLockOfAnotherComputerIsTakenOverOnlyWhenSomebodySaysSo",
        "taking the place",
        edit(
            "lock",
            "  *) return 1 ;;\n  esac\n}\n\n# One",
            "  *) return 0 ;;\n  esac\n}\n\n# One")),
    THE_LOCK_OF_A_KILLED_FLOW_STAYS(
        9,
        "aLockOfAFlowThatWasKilledHereIsFree",
        "another flow is at work",
        edit("lock", "if runs \"${lock_holder##*:}\"; then return 1; fi ;;", "return 1 ;;")),
    THE_LOCK_OF_A_ZOMBIE_STAYS(
        9,
        "aLockOfAFlowWhoseEndNobodyNoticedIsFree",
        "another flow is at work",
        edit("lock", "in Z*) return 1 ;; esac", "in no) return 1 ;; esac")),
    A_DEPLOY_DOES_NOT_LOCK(
        9,
        "whileAFlowIsAtWorkNoOtherChangesAnything[0]",
        "was: \"deployed\"",
        edit("deploy", "lock k8s-deploy\n", "lock() { :; }; still_locked() { :; }\n")),
    A_DESTROY_DOES_NOT_LOCK(
        9,
        "whileAFlowIsAtWorkNoOtherChangesAnything[1]",
        "was: \"destroyed\"",
        edit("destroy", "lock k8s-destroy\n", "still_locked() { :; }\n")),
    A_ROLLBACK_DOES_NOT_LOCK(
        9,
        "whileAFlowIsAtWorkNoOtherChangesAnything[3]",
        "no update to roll back",
        edit("rollback", "lock k8s-rollback\n", "still_locked() { :; }\n")),
    A_LOCK_THAT_NOBODY_HOLDS_IS_WAITED_FOR(
        9,
        "aLockThatNobodyHoldsIsNamedAndNotWaitedFor",
        "has no holder",
        edit(
            "lock",
            "    [ -n \"$lock_holder\" ] || die \"the Lease $LEASE has no holder, so that no flow made it\" \\\n",
            "    [ -n \"$lock_holder\" ] || die \"waited too long\" \\\n")),
    STATUS_HIDES_WHO_IS_AT_WORK(
        9,
        "aLockOfAnotherComputerIsTakenOverOnlyWhenSomebodySaysSo",
        "to contain:\n  \"at work",
        edit("status", "[ -z \"$lock_holder\" ] || say", "[ -z \"$lock_holder\" ] || :")),
    OTHER_CONFIGURATION_IS_SILENTLY_NOT_APPLIED(
        10,
        "anUpdateWithOtherConfigurationNamesTheKeys",
        "all pods run",
        edit("update", "  [ -z \"$differs\" ] || die", "  true || die")),
    OTHER_CONFIGURATION_IS_REFUSED_WITHOUT_ITS_KEYS(
        10,
        "anUpdateWithOtherConfigurationNamesTheKeys",
        "could not find:\n  [\"SANDSTORE_SLOW_MS",
        edit("update", "changes code only\" \"$differs\" \\", "changes code only\" \\")),
    OTHER_MANIFESTS_ARE_SILENTLY_NOT_APPLIED(
        10,
        "anUpdateWithOtherManifestsIsRefused",
        "all pods run",
        edit("update", "  '' | by-hand | \"$manifests_sum\") ;;", "  *) ;;")),
    A_NEW_KEY_NEEDS_A_WIPE(
        10,
        "aReleaseWithOneMoreKeyAtItsDefaultIsRolledOut",
        "was: \"refused\"",
        edit("update", "if (value != base[key]) printf", "printf")),
    A_NEW_KEYS_OWN_VALUE_IS_SILENTLY_NOT_APPLIED(
        10,
        "anotherKeyWithAValueOfItsOwnIsNamed",
        "all pods run",
        edit(
            "update",
            "if (value != base[key]) printf \"%s: runs without it, here it is \\\"%s\\\"\\n\", key, value; next",
            "next")),
    AN_EMPTY_VALUE_IS_NONE(
        10,
        "aKeyThatIsEmptyWhereItRunsIsCompared",
        "all pods run",
        edit("update", "\":\"[^\"]*\"' ||", "\":\"[^\"]+\"' ||")),
    A_KEY_THAT_IS_NO_MORE_HALTS_THE_ROLLOUT(
        10,
        "aKeyThatIsNoMoreIsNamed",
        "all pods run",
        edit("update", "if (!(key in here)) printf", "if (0) printf")),
    A_COMMENT_NEEDS_A_WIPE(
        10,
        "aReleaseWithOneMoreCommentInAManifestIsRolledOut",
        "was: \"refused\"",
        edit("config", " -e '/^[[:space:]]*(#.*)?$/d'", "")),
    WHAT_IS_NOT_COMPARED_IS_NOT_SAID(
        10,
        "manifestsThatAnEarlierReleaseNotedAreSaidNotToBeCompared",
        "to contain:\n  \"the manifests",
        edit("update", "  *) say \"the manifests", "  *) : \"the manifests")),
    A_TAKEN_PORT_ENDS_IN_ETCDS_LOGS(
        10,
        "composeSaysThatItsPortIsTaken",
        "could not find:\n  [\"port ",
        edit("compose-up", "require_free_port\n", ""));

    private final int kind;
    private final String test;
    private final String says;
    private final List<Edit> edits;

    Fault(int kind, String test, String says, Edit... edits) {
      this.kind = kind;
      this.test = test;
      this.says = says;
      this.edits = List.of(edits);
    }
  }

  private static Edit edit(String flow, String find, String replacement) {
    return new Edit(flow + ".sh", find, replacement);
  }

  static Collection<Fault> faults() {
    String names = System.getProperty("flows.planted", "");
    if (names.isEmpty()) {
      return Arrays.stream(Fault.values())
          .collect(toMap(f -> f.kind, f -> f, (first, other) -> first, LinkedHashMap::new))
          .values();
    }
    return Stream.of(Fault.values()).filter(fault -> fault.name().matches(names)).toList();
  }

  @ParameterizedTest
  @MethodSource("faults")
  void isFoundByItsTest(Fault fault) {
    List<String> failures =
        ScopedValue.where(StandIns.PLANTED, fault.edits).call(() -> failuresOf(fault.test));
    assertThat(failures).as("failures of " + fault.test).isNotEmpty();
    assertThat(failures.getFirst()).contains(fault.says);
  }

  private static List<String> failuresOf(String test) {
    String name = test.replaceFirst("\\[.*", "");
    Method method =
        Arrays.stream(BadDayTest.class.getDeclaredMethods())
            .filter(m -> m.getName().equals(name))
            .findAny()
            .orElseThrow(() -> new AssertionError("no test " + name));
    DiscoverySelector selector = selectMethod(BadDayTest.class, method);
    if (!name.equals(test)) {
      int row = Integer.parseInt(test.replaceAll(".*\\[|]", ""));
      selector = selectIteration(selector, row);
    }
    SummaryGeneratingListener summary = new SummaryGeneratingListener();
    LauncherFactory.create()
        .execute(LauncherDiscoveryRequestBuilder.request().selectors(selector).build(), summary);
    assertThat(summary.getSummary().getTestsFoundCount()).isPositive();
    return summary.getSummary().getFailures().stream()
        .map(failure -> String.valueOf(failure.getException().getMessage()))
        .toList();
  }
}
