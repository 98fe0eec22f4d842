{{- /* All checks of model, modelServer, accelerator, autoscaling and leaderWorkerSet. */}}
{{- define "inferencepool.checkModelServer" -}}
{{- include "inferencepool.checkServer" . }}
{{- include "inferencepool.checkApiKey" . }}
{{- include "inferencepool.checkVersion" . }}
{{- include "inferencepool.checkDrain" . }}
{{- include "inferencepool.checkRollingUpdate" . }}
{{- include "inferencepool.checkModelSource" . }}
{{- if .Values.model.revision }}
  {{- include "inferencepool.checkRevision" . }}
{{- end }}
{{- if .Values.accelerator.preset }}
  {{- include "inferencepool.checkAccelerator" . }}
{{- end }}
{{- if .Values.accelerator.dra.enabled }}
  {{- include "inferencepool.checkDynamicResources" . }}
{{- end }}
{{- if .Values.autoscaling.type }}
  {{- include "inferencepool.checkAutoscaling" . }}
{{- end }}
{{- if .Values.leaderWorkerSet.enabled }}
  {{- include "inferencepool.checkLeaderWorkerSet" . }}
{{- end }}
{{- end }}

{{- /* Fails if modelServer.preset does not support what lora, modelServer or model ask for. */}}
{{- define "inferencepool.checkServer" -}}
{{- $name := .Values.modelServer.preset }}
{{- $preset := include "inferencepool.modelServer" . | fromJson }}
{{- $custom := .Values.modelServer.custom }}
{{- if not (has (include "inferencepool.loraMode" .) $preset.loraModes) }}
  {{- $accelerator := .Values.accelerator.preset }}
  {{- $on := ternary (printf " on accelerator.preset %s" $accelerator) "" (ne $accelerator "") }}
  {{- fail (printf "lora.mode is %s, but modelServer.preset %s%s supports %s; set one of these" (include "inferencepool.loraMode" .) $name $on (join ", " $preset.loraModes)) }}
{{- end }}
{{- if and (ne (int .Values.modelServer.dataParallelSize) 1) (not $preset.dataArgs) }}
  {{- fail (printf "modelServer.dataParallelSize is %d, but modelServer.preset %s has no argument for it; set it to 1" (int .Values.modelServer.dataParallelSize) $name) }}
{{- end }}
{{- if and (eq $name "custom") (not .Values.modelServer.image.repository) }}
  {{- fail "modelServer.preset is custom, but modelServer.image.repository is empty; name the image of the server" }}
{{- end }}
{{- if and (ne $name "custom") (or $custom.command $custom.args $custom.metrics) }}
  {{- fail (printf "modelServer.custom is given, but modelServer.preset is %s and it would be ignored; set modelServer.preset=custom, or say it with modelServer.extraArgs" $name) }}
{{- end }}
{{- if and (not $custom.engine) (not (and $custom.metrics.queue $custom.metrics.kvCache)) }}
  {{- fail "modelServer.custom.engine is empty, so the EPP reads modelServer.custom.metrics, but queue or kvCache is not there; give both, or name an engine" }}
{{- end }}
{{- if and $preset.needsModelSource (eq .Values.model.source.type "hub") }}
  {{- fail (printf "modelServer.preset %s serves an engine that was built before, but model.source.type is hub; set it to pvc or image" $name) }}
{{- end }}
{{- if and $preset.needsTokenizer (not .Values.model.tokenizer) }}
  {{- fail (printf "modelServer.preset %s serves a folder of a model repository, so model.name (%s) is no name of a tokenizer; set model.tokenizer to a name on a hub or a path" $name .Values.model.name) }}
{{- end }}
{{- if and .Values.model.tokenizer (not $preset.needsTokenizer) (ne $name "custom") }}
  {{- fail (printf "model.tokenizer is given, but modelServer.preset %s takes the tokenizer of the model and would ignore it; leave it empty, or use modelServer.extraArgs" $name) }}
{{- end }}
{{- if and .Values.modelServer.warmUp.enabled (not $preset.warmUpCommand) }}
  {{- fail (printf "modelServer.warmUp.enabled asks for a first token from inside the container, but the image of modelServer.preset %s has no HTTP client for the warm-up request; set modelServer.warmUp.enabled=false" $name) }}
{{- end }}
{{- end }}

{{- /* Fails if model.revision would be ignored. */}}
{{- define "inferencepool.checkRevision" -}}
{{- $preset := include "inferencepool.modelServer" . | fromJson }}
{{- $server := .Values.modelServer }}
{{- $isNamed := contains "{revision}" (join " " $server.custom.args) }}
{{- if ne .Values.model.source.type "hub" }}
  {{- fail (printf "model.revision is %s, but model.source.type is %s, whose weights are those that lie there; leave it empty" .Values.model.revision .Values.model.source.type) }}
{{- end }}
{{- if not (or $preset.revisionArgs $isNamed) }}
  {{- fail (printf "model.revision is %s, but modelServer.preset %s has no argument for it; leave it empty, or name {revision} in the arguments of a custom server" .Values.model.revision $server.preset) }}
{{- end }}
{{- end }}

{{- /* Fails if the server has a key that others would lack, or takes none. */}}
{{- define "inferencepool.checkApiKey" -}}
{{- $remedy := "name its Secret in modelServer.apiKey, so that the syncer, the warm-up and helm test get it too" }}
{{- range .Values.modelServer.extraArgs }}
  {{- if regexMatch "^--api-key(=|$)" . }}
    {{- fail (printf "modelServer.extraArgs has --api-key; leave it out and %s" $remedy) }}
  {{- end }}
{{- end }}
{{- range .Values.modelServer.extraEnv }}
  {{- if eq .name "VLLM_API_KEY" }}
    {{- fail (printf "modelServer.extraEnv has VLLM_API_KEY; leave it out and %s" $remedy) }}
  {{- end }}
{{- end }}
{{- $takesKey := hasKey (include "inferencepool.modelServer" . | fromJson) "apiKeyArgs" }}
{{- if and .Values.modelServer.apiKey.secretName (not $takesKey) }}
  {{- fail (printf "modelServer.apiKey.secretName is given, but the model server %s asks for no API key; empty it" .Values.modelServer.preset) }}
{{- end }}
{{- end }}

{{- /* Fails if modelServer.preset does not support the version of the model server, or nothing tells the version. */}}
{{- define "inferencepool.checkVersion" -}}
{{- $name := .Values.modelServer.preset }}
{{- $supported := (include "inferencepool.modelServer" . | fromJson).versions }}
{{- $version := include "inferencepool.modelServerVersion" . }}
{{- $image := include "inferencepool.modelServerImage" . }}
{{- if and $supported (not $version) }}
  {{- fail (printf "the image %s does not tell its version of %s, which decides its arguments; set modelServer.version to one of %s" $image $name $supported) }}
{{- end }}
{{- if and $supported (not (semverCompare $supported ($version | default "0.0.0"))) }}
  {{- fail (printf "modelServer.preset %s supports the versions %s, but the image %s has %s; take an image of these versions, or set modelServer.version to the one whose arguments it takes" $name $supported $image $version) }}
{{- end }}
{{- end }}

{{- /* Fails if modelServer.drain cuts the longest generation. */}}
{{- define "inferencepool.checkDrain" -}}
{{- $drain := .Values.modelServer.drain }}
{{- $needed := add $drain.preStopSeconds $drain.longestGenerationSeconds | int }}
{{- $grace := int $drain.terminationGracePeriodSeconds }}
{{- if lt $grace $needed }}
  {{- fail (printf "modelServer.drain.terminationGracePeriodSeconds is %d, but preStopSeconds (%d) and longestGenerationSeconds (%d) take %d: a generation would be cut; set it to %d or more"
    $grace (int $drain.preStopSeconds) (int $drain.longestGenerationSeconds) $needed $needed) }}
{{- end }}
{{- end }}

{{- /* Fails if modelServer.rollingUpdate lets no pod be replaced. */}}
{{- define "inferencepool.checkRollingUpdate" -}}
{{- $none := list "0" "0%" }}
{{- $update := .Values.modelServer.rollingUpdate }}
{{- if and (has (toString $update.maxSurge) $none) (has (toString $update.maxUnavailable) $none) }}
  {{- fail "modelServer.rollingUpdate.maxSurge and maxUnavailable are both 0, so no pod could ever be replaced; set modelServer.rollingUpdate.maxUnavailable=1" }}
{{- end }}
{{- end }}

{{- /* Fails if model.source lacks what its type needs, or has what its type would ignore. */}}
{{- define "inferencepool.checkModelSource" -}}
{{- $source := .Values.model.source }}
{{- range $type, $place := dict "pvc" "claimName" "image" "image" }}
  {{- if and (eq $source.type $type) (not (get $source $place)) }}
    {{- fail (printf "model.source.type is %s, but model.source.%s is empty; name it" $type $place) }}
  {{- end }}
  {{- if and (ne $source.type $type) (get $source $place) }}
    {{- fail (printf "model.source.%s is given, but model.source.type is %s and it would be ignored; set model.source.type=%s" $place $source.type $type) }}
  {{- end }}
{{- end }}
{{- if and (eq $source.type "hub") $source.path }}
  {{- fail "model.source.path is given, but model.source.type is hub and it would be ignored; set model.source.type to pvc or image" }}
{{- end }}
{{- $kubernetes := .Capabilities.KubeVersion.Version }}
{{- if and (eq $source.type "image") (semverCompare "<1.31.0-0" $kubernetes) }}
  {{- fail (printf "model.source.type is image, but Kubernetes %s has no image volumes (1.31 or newer); set it to pvc" $kubernetes) }}
{{- end }}
{{- end }}

{{- /* Fails if accelerator.preset is not available at this provider, in this number, or for this server. */}}
{{- define "inferencepool.checkAccelerator" -}}
{{- $accelerator := include "inferencepool.accelerator" . | fromJson }}
{{- $server := .Values.modelServer.preset }}
{{- $name := .Values.accelerator.preset }}
{{- $count := int .Values.accelerator.count }}
{{- if not (hasKey $accelerator.nodes .Values.provider) }}
  {{- fail (printf "accelerator.preset %s is not available on provider %s, only on %s; set provider, or leave the preset empty and use modelServer.nodeSelector" $name .Values.provider (keys $accelerator.nodes | sortAlpha | join ", ")) }}
{{- end }}
{{- if and $accelerator.topologies (not (hasKey $accelerator.topologies (toString .Values.accelerator.count))) }}
  {{- fail (printf "accelerator.count is %d, but a node has %s of accelerator.preset %s; set one of these" $count (keys $accelerator.topologies | sortAlpha | join ", ") $name) }}
{{- end }}
{{- $anyAccelerator := (include "inferencepool.modelServer" . | fromJson).anyAccelerator }}
{{- $known := or $anyAccelerator (hasKey $accelerator.images $server) }}
{{- if not (or $known .Values.modelServer.image.repository) }}
  {{- fail (printf "no image of modelServer.preset %s for accelerator.preset %s is known; name one with modelServer.image.registry, .repository and .tag" $server $name) }}
{{- end }}
{{- $resource := include "inferencepool.acceleratorResource" . }}
{{- if and $resource (hasKey (.Values.modelServer.resources.limits | default dict) $resource) }}
  {{- fail (printf "modelServer.resources.limits has %s, which accelerator.preset %s asks for; leave it out and set accelerator.count" $resource $name) }}
{{- end }}
{{- if and (not $resource) (ne $count 1) }}
  {{- fail (printf "accelerator.count is %d, but accelerator.preset %s has no countable resource; set accelerator.count=1" $count $name) }}
{{- end }}
{{- include "inferencepool.checkParallel" . }}
{{- end }}

{{- /* Fails if the devices are not as many as the parallel sizes of modelServer need. */}}
{{- define "inferencepool.checkParallel" -}}
{{- $all := include "inferencepool.devices" . | int }}
{{- $tensor := include "inferencepool.tensorParallelSize" . | int }}
{{- $pipeline := int .Values.modelServer.pipelineParallelSize }}
{{- $data := int .Values.modelServer.dataParallelSize }}
{{- if ne $all (int (mul $tensor $pipeline $data)) }}
  {{- fail (printf "modelServer.tensorParallelSize (%d) times pipelineParallelSize (%d) times dataParallelSize (%d) is not %d, the devices (accelerators, times the cores of one) that accelerator.count and leaderWorkerSet.size make; let them agree" $tensor $pipeline $data $all) }}
{{- end }}
{{- end }}

{{- /* Fails if accelerator.dra has no DeviceClass, or the cluster no API for claims. */}}
{{- define "inferencepool.checkDynamicResources" -}}
{{- if not (include "inferencepool.acceleratorClaim" . | fromJson).deviceClass }}
  {{- fail (printf "accelerator.dra.enabled is true, but accelerator.preset %q has no DeviceClass; set accelerator.dra.deviceClass" .Values.accelerator.preset) }}
{{- end }}
{{- if has .Values.provider ((include "inferencepool.accelerator" . | fromJson).dra | default dict).notAt }}
  {{- fail (printf "accelerator.dra.enabled is true, but the driver of provider %s has no devices for accelerator.preset %s; set accelerator.dra.enabled=false" .Values.provider .Values.accelerator.preset) }}
{{- end }}
{{- $kubernetes := .Capabilities.KubeVersion.Version }}
{{- if semverCompare "<1.34.0-0" $kubernetes }}
  {{- fail (printf "accelerator.dra.enabled is true, but Kubernetes %s does not serve resource.k8s.io/v1 (1.34 or newer); set accelerator.dra.enabled=false" $kubernetes) }}
{{- end }}
{{- end }}

{{- /* Fails if autoscaling competes with modelServer.replicas, has no room, or has no metric to scale by. */}}
{{- define "inferencepool.checkAutoscaling" -}}
{{- $metrics := (include "inferencepool.modelServer" . | fromJson).metrics }}
{{- $scaling := .Values.autoscaling }}
{{- if not (kindIs "invalid" .Values.modelServer.replicas) }}
  {{- fail (printf "modelServer.replicas is %d, but autoscaling.type is %s and each upgrade would undo what it scaled; leave modelServer.replicas unset and use autoscaling.minReplicas" (int .Values.modelServer.replicas) $scaling.type) }}
{{- end }}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
  {{- fail (printf "autoscaling.minReplicas (%d) is more than autoscaling.maxReplicas (%d); raise the latter" (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}
{{- end }}
{{- if not (or $scaling.queuedRequests $scaling.kvCachePercent) }}
  {{- fail "autoscaling.queuedRequests and autoscaling.kvCachePercent are both 0, so nothing says when to scale; set one of them" }}
{{- end }}
{{- range $value, $metric := dict "queuedRequests" "queue" "kvCachePercent" "kvCache" }}
  {{- if and (get $scaling $value) (not (get $metrics $metric)) }}
    {{- fail (printf "autoscaling.%s needs the metric %s, which modelServer.preset %s does not name; set modelServer.custom.metrics.%s, or autoscaling.%s=0" $value $metric $.Values.modelServer.preset $metric $value) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Fails if modelServer.preset can't span the nodes of a leaderWorkerSet, or its objects could not have names. */}}
{{- define "inferencepool.checkLeaderWorkerSet" -}}
{{- include "inferencepool.checkGroupNames" . }}
{{- $name := .Values.modelServer.preset }}
{{- $multiNode := (include "inferencepool.modelServer" . | fromJson).multiNode }}
{{- if ne (int .Values.modelServer.dataParallelSize) 1 }}
  {{- fail (printf "leaderWorkerSet.enabled is true, but modelServer.dataParallelSize is %d: copies of a model are pods of their own; set it to 1 and raise modelServer.replicas" (int .Values.modelServer.dataParallelSize)) }}
{{- end }}
{{- if not $multiNode }}
  {{- fail (printf "leaderWorkerSet.enabled is true, but modelServer.preset %s serves from one node; set leaderWorkerSet.enabled=false" $name) }}
{{- end }}
{{- if (include "inferencepool.accelerator" . | fromJson).oneNode }}
  {{- fail (printf "leaderWorkerSet.enabled is true, but on accelerator.preset %s the arguments of modelServer.preset %s for several nodes start nothing; set leaderWorkerSet.enabled=false" .Values.accelerator.preset $name) }}
{{- end }}
{{- $version := include "inferencepool.modelServerVersion" . }}
{{- if and $multiNode.versions $version (not (semverCompare $multiNode.versions $version)) }}
  {{- fail (printf "leaderWorkerSet.enabled is true, but modelServer.preset %s serves from several nodes in the versions %s, and the image has %s; take a newer image" $name $multiNode.versions $version) }}
{{- end }}
{{- end }}

{{- /* Fails if the release's name is none that a LeaderWorkerSet makes names from: that of a Service, which begins with
       a letter, and with `-`, a group's number, `-` and a hash of 10 characters the value of a label (63 at most). */}}
{{- define "inferencepool.checkGroupNames" -}}
{{- $scaled := ternary 1 .Values.autoscaling.maxReplicas (empty .Values.autoscaling.type) }}
{{- $most := max (include "inferencepool.replicas" . | int) $scaled }}
{{- $surge := .Values.modelServer.rollingUpdate.maxSurge }}
{{- $groups := ternary (add $most $surge) (mul $most 2) (not (kindIs "string" $surge)) }}
{{- $room := sub 51 (sub $groups 1 | max 0 | toString | len) | int }}
{{- if gt (len .Release.Name) $room }}
  {{- fail (printf "leaderWorkerSet.enabled is true, but the release's name %s has %d characters and the labels of a group's pods have room for %d of them; give the release a shorter name" .Release.Name (len .Release.Name) $room) }}
{{- end }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" .Release.Name) }}
  {{- fail (printf "leaderWorkerSet.enabled is true, but its Service can't be named %s like the release: a Service's name begins with a letter and has letters, digits and - alone; name the release so" .Release.Name) }}
{{- end }}
{{- end }}
