{{- /* Pod template of the model servers, from `root` and `role`: `server`, or `leader` and `worker` of a
       leaderWorkerSet. A worker takes no requests: it has no port, no probe and no syncer, and outlives its leader's
       drain. */}}
{{- define "inferencepool.modelServerPod" -}}
{{- $isWorker := eq .role "worker" }}
{{- $component := ternary "model-server-worker" "model-server" $isWorker }}
{{- with .root -}}
metadata:
  labels:
    {{- include "inferencepool.modelServerLabels" (dict "root" . "component" $component) | nindent 4 }}
  {{- with .Values.modelServer.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "inferencepool.pullSecrets" . | nindent 2 }}
  {{- with include "inferencepool.podSettings" . }}
  {{- . | nindent 2 }}
  {{- end }}
  automountServiceAccountToken: {{ .Values.modelServer.automountServiceAccountToken }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.modelServer.drain.terminationGracePeriodSeconds }}
  {{- with include "inferencepool.initContainers" (dict "root" . "isWorker" $isWorker) | trim }}
  initContainers:
    {{- . | nindent 4 }}
  {{- end }}
  containers:
    {{- include "inferencepool.modelServerContainer" (dict "root" . "role" $.role) | nindent 4 }}
    {{- with .Values.modelServer.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if .Values.accelerator.dra.enabled }}
  resourceClaims:
    - name: accelerator
      resourceClaimTemplateName: {{ include "inferencepool.claimTemplate" . | quote }}
  {{- end }}
  {{- include "inferencepool.placement" . | nindent 2 }}
  volumes:
    {{- include "inferencepool.modelServerVolumes" (dict "root" . "isWorker" $isWorker) | nindent 4 }}
{{- end }}
{{- end }}

{{- /* Fields of the pods that are values of modelServer as they stand, as YAML; a pod with the node's network asks the
       cluster's DNS all the same. */}}
{{- define "inferencepool.podSettings" -}}
{{- $server := .Values.modelServer }}
{{- $fields := pick $server "priorityClassName" "runtimeClassName" "schedulerName" "serviceAccountName"
  "hostNetwork" "hostIPC" }}
{{- $_ := set $fields "securityContext" $server.podSecurityContext }}
{{- $_ := set $fields "dnsPolicy" (ternary "ClusterFirstWithHostNet" "" $server.hostNetwork) }}
{{- include "inferencepool.withoutEmpty" $fields }}
{{- end }}

{{- /* Labels of the pods of a `component` (model-server or model-server-worker), from `root`: modelServer.podLabels,
       those of the selectors, and the engine whose metrics the EPP finds there, if it is not vLLM: by the label of
       Inference Extension and by that of llm-d's router. */}}
{{- define "inferencepool.modelServerLabels" -}}
{{- $adopt := .root.Values.adopt }}
{{- $own := include "inferencepool.ownLabels" . | fromJson }}
{{- $engine := (include "inferencepool.modelServer" .root | fromJson).engine }}
{{- $both := dict "inference.networking.k8s.io/engine-type" $engine "llm-d.ai/engine-type" $engine }}
{{- $type := ternary dict $both (eq $engine "vllm") }}
{{- $selectors := merge (dict) $adopt.modelServer.selector $adopt.pool.selector }}
{{- merge $selectors $own $type .root.Values.modelServer.podLabels | toYaml }}
{{- end }}

{{- /* Init containers, from `root` and `isWorker`: modelServer.extraInitContainers and, unless it is a worker, the
       syncer. */}}
{{- define "inferencepool.initContainers" -}}
{{- with .root.Values.modelServer.extraInitContainers }}
{{- toYaml . }}
{{- end }}
{{- if and (eq (include "inferencepool.loraMode" .root) "syncer") (not .isWorker) }}
{{ include "inferencepool.syncer" .root }}
{{- end }}
{{- end }}

{{- /* The server's container, from `root` and `role` as in inferencepool.modelServerPod. */}}
{{- define "inferencepool.modelServerContainer" -}}
{{- $role := .role }}
{{- $isWorker := eq $role "worker" }}
{{- with .root }}
{{- $preset := include "inferencepool.modelServer" . | fromJson }}
{{- $drain := .Values.modelServer.drain }}
{{- $untilLeaderEnds := add $drain.preStopSeconds $drain.longestGenerationSeconds -}}
- name: model-server
  image: {{ include "inferencepool.modelServerImage" . | quote }}
  imagePullPolicy: {{ .Values.modelServer.image.pullPolicy }}
  {{- with $preset.command }}
  command:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "inferencepool.modelServerArgs" (dict "root" . "role" $role "preset" $preset) | fromJsonArray }}
  args:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "inferencepool.modelServerEnv" (dict "root" . "preset" $preset) | fromJsonArray }}
  env:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  lifecycle:
    preStop:
      sleep:
        seconds: {{ ternary $untilLeaderEnds $drain.preStopSeconds $isWorker }}
  {{- if not $isWorker }}
  ports:
    - name: http
      containerPort: {{ .Values.pool.targetPort }}
  startupProbe:
    {{- include "inferencepool.startupProbe" (dict "root" . "preset" $preset) | nindent 4 }}
  readinessProbe:
    httpGet:
      path: {{ $preset.healthPath | quote }}
      port: http
    {{- include "inferencepool.probeTimes" (dict "root" . "probe" "readinessProbe") | nindent 4 }}
  livenessProbe:
    httpGet:
      path: {{ $preset.healthPath | quote }}
      port: http
    {{- include "inferencepool.probeTimes" (dict "root" . "probe" "livenessProbe") | nindent 4 }}
  {{- end }}
  securityContext:
    {{- $given := .Values.modelServer.securityContext }}
    {{- include "inferencepool.over" (dict "own" $preset.securityContext "given" $given) | nindent 4 }}
  resources:
    {{- include "inferencepool.modelServerResources" . | nindent 4 }}
  volumeMounts:
    - name: data
      mountPath: /data
    - name: shm
      mountPath: /dev/shm
    - name: tmp
      mountPath: /tmp
    - name: adapters
      mountPath: /adapters
    {{- if ne .Values.model.source.type "hub" }}
    - name: model
      mountPath: /models
      readOnly: true
    {{- end }}
    {{- with .Values.modelServer.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{- /* Arguments of the server as a JSON list, from `root`, `role` and `preset`: the preset's, those of a
       leaderWorkerSet, the adapters of lora.mode static, those of modelServer.apiKey, modelServer.extraArgs. */}}
{{- define "inferencepool.modelServerArgs" -}}
{{- $multiNode := ternary dict .preset.multiNode (eq .role "server") }}
{{- $args := concat (.preset.args | default list) ($multiNode.args | default list) }}
{{- $workerArgs := ternary ($multiNode.workerArgs | default list) list (eq .role "worker") }}
{{- $loraModules := include "inferencepool.loraModules" .root | fromJsonArray }}
{{- $hasKey := ne .root.Values.modelServer.apiKey.secretName "" }}
{{- $apiKeyArgs := ternary (.preset.apiKeyArgs | default list) list $hasKey }}
{{- concat $args $workerArgs $loraModules $apiKeyArgs .root.Values.modelServer.extraArgs | toJson }}
{{- end }}

{{- /* Environment of the server as a JSON list, from `root` and `preset`: the preset's, the token of
       model.huggingFaceToken, the key of modelServer.apiKey, and modelServer.extraEnv, which stands over these. */}}
{{- define "inferencepool.modelServerEnv" -}}
{{- $env := .preset.env | default list }}
{{- $secret := .root.Values.model.huggingFaceToken }}
{{- if $secret.secretName }}
  {{- $token := dict "secretKeyRef" (dict "name" $secret.secretName "key" $secret.key) }}
  {{- $env = append $env (dict "name" "HF_TOKEN" "valueFrom" $token) }}
{{- end }}
{{- $given := dict }}
{{- range .root.Values.modelServer.extraEnv }}
  {{- $_ := set $given .name . }}
{{- end }}
{{- $own := list }}
{{- range concat $env (include "inferencepool.apiKeyEnv" .root | fromYamlArray) }}
  {{- $own = ternary $own (append $own .) (hasKey $given .name) }}
{{- end }}
{{- concat $own .root.Values.modelServer.extraEnv | toJson }}
{{- end }}

{{- /* Startup probe of the server, from `root` and `preset`: its health path, or with modelServer.warmUp a first
       token. */}}
{{- define "inferencepool.startupProbe" -}}
{{- $values := .root.Values }}
{{- $warmUp := $values.modelServer.warmUp }}
{{- $times := include "inferencepool.probeTimes" (dict "root" .root "probe" "startupProbe") | fromYaml }}
{{- $seconds := include "inferencepool.startupSeconds" .root | int }}
{{- if $warmUp.enabled -}}
{{- $program := .root.Files.Get "files/warm-up.py" }}
{{- $port := toString $values.pool.targetPort }}
{{- $arguments := list $program $port $values.model.name (toString $warmUp.timeoutSeconds) -}}
exec:
  command:
    {{- concat .preset.warmUpCommand $arguments | toYaml | nindent 4 }}
timeoutSeconds: {{ add $warmUp.timeoutSeconds 5 }}
{{- else -}}
httpGet:
  path: {{ .preset.healthPath | quote }}
  port: http
timeoutSeconds: {{ $times.timeoutSeconds }}
{{- end }}
periodSeconds: {{ $times.periodSeconds }}
failureThreshold: {{ divf $seconds $times.periodSeconds | ceil | int }}
{{- end }}

{{- /* Times of a `probe` of the server, from `root`: those of modelServer.<probe> over the preset's. */}}
{{- define "inferencepool.probeTimes" -}}
{{- $own := include "inferencepool.withoutEmpty" (get .root.Values.modelServer .probe) | fromYaml }}
{{- mergeOverwrite (get (include "inferencepool.modelServer" .root | fromJson).probes .probe) $own | toYaml }}
{{- end }}

{{- /* Longest time in seconds that a server may take to start: modelServer.startupSeconds, else the accelerator's. */}}
{{- define "inferencepool.startupSeconds" -}}
{{- $needed := (include "inferencepool.accelerator" . | fromJson).startupSeconds | default 600 }}
{{- .Values.modelServer.startupSeconds | default $needed }}
{{- end }}

{{- /* Where the pods go: node selector, affinity and tolerations with the accelerator's, and
       modelServer.topologySpreadConstraints. */}}
{{- define "inferencepool.placement" -}}
{{- $pods := include "inferencepool.selector" (dict "root" . "component" "model-server") | fromYaml }}
{{- $own := dict "labelSelector" (dict "matchLabels" $pods) }}
{{- $spread := list }}
{{- range .Values.modelServer.topologySpreadConstraints }}
  {{- $spread = append $spread (merge (deepCopy .) $own) }}
{{- end }}
{{- dict
  "nodeSelector" (include "inferencepool.nodeSelector" . | fromJson)
  "affinity" (include "inferencepool.affinity" . | fromJson)
  "tolerations" (include "inferencepool.tolerations" . | fromJsonArray)
  "topologySpreadConstraints" $spread
  | include "inferencepool.withoutEmpty" }}
{{- end }}

{{- /* Volumes of the pods, from `root` and `isWorker`: model.source, model.cache, modelServer and lora. */}}
{{- define "inferencepool.modelServerVolumes" -}}
{{- $hasSyncer := and (not .isWorker) (eq (include "inferencepool.loraMode" .root) "syncer") }}
{{- with .root -}}
- name: data
  {{- if .Values.model.cache.claimName }}
  persistentVolumeClaim:
    claimName: {{ .Values.model.cache.claimName | quote }}
  {{- else }}
  emptyDir:
    {{- include "inferencepool.withoutEmpty" (pick .Values.model.cache "sizeLimit") | default "{}" | nindent 4 }}
  {{- end }}
{{- if eq .Values.model.source.type "pvc" }}
- name: model
  persistentVolumeClaim:
    claimName: {{ .Values.model.source.claimName | quote }}
    readOnly: true
{{- else if eq .Values.model.source.type "image" }}
- name: model
  image:
    reference: {{ .Values.model.source.image | quote }}
    pullPolicy: IfNotPresent
{{- end }}
- name: shm
  emptyDir:
    medium: Memory
    {{- $forOne := eq (include "inferencepool.devices" .) "1" }}
    sizeLimit: {{ .Values.modelServer.sharedMemorySize | default (ternary "1Gi" "20Gi" $forOne) | quote }}
- name: tmp
  emptyDir: {}
- name: adapters
  {{- .Values.lora.volume | default (dict "emptyDir" dict) | toYaml | nindent 2 }}
{{- if $hasSyncer }}
- name: adapters-config
  configMap:
    name: {{ include "inferencepool.adaptersName" . | quote }}
{{- end }}
{{- with .Values.modelServer.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
