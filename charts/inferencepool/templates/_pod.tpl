{{- /* Pod template of the model servers, from `root` and `role`: `server`, or `leader` and `worker` of a leaderWorkerSet.
A worker takes no requests: it has no port, no probe and no syncer, and outlives its leader's drain. */}}
{{- define "inferencepool.modelServerPod" -}}
{{- $worker := eq .role "worker" -}}
{{- $component := ternary "model-server-worker" "model-server" $worker -}}
{{- $preset := include "inferencepool.modelServer" .root | fromJson -}}
{{- with .root -}}
metadata:
  labels:
    {{- include "inferencepool.modelServerLabels" (dict "root" . "component" $component "preset" $preset) | nindent 4 }}
  {{- with .Values.modelServer.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "inferencepool.pullSecrets" . | nindent 2 }}
  {{- with pick .Values.modelServer "priorityClassName" "runtimeClassName" "schedulerName" | include "inferencepool.withoutEmpty" }}
  {{- . | nindent 2 }}
  {{- end }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.modelServer.drain.terminationGracePeriodSeconds }}
  {{- with include "inferencepool.initContainers" (dict "root" . "worker" $worker) | trim }}
  initContainers:
    {{- . | nindent 4 }}
  {{- end }}
  containers:
    {{- include "inferencepool.modelServerContainer" (dict "root" . "role" $.role "preset" $preset) | nindent 4 }}
    {{- with .Values.modelServer.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if .Values.accelerator.dra.enabled }}
  resourceClaims:
    - name: accelerator
      resourceClaimTemplateName: {{ .Release.Name }}-accelerator
  {{- end }}
  {{- include "inferencepool.placement" . | nindent 2 }}
  volumes:
    {{- include "inferencepool.modelServerVolumes" . | nindent 4 }}
{{- end -}}
{{- end }}

{{- /* Those keys of a map that have a value, as YAML; empty if none has. */}}
{{- define "inferencepool.withoutEmpty" -}}
{{- $set := dict -}}
{{- range $key, $value := . }}{{ if $value }}{{ $_ := set $set $key $value }}{{ end }}{{ end -}}
{{- with $set }}{{ toYaml . }}{{ end -}}
{{- end }}

{{- /* Init containers, from `root` and `worker`: modelServer.extraInitContainers and, unless it is a worker, the syncer. */}}
{{- define "inferencepool.initContainers" -}}
{{- with .root.Values.modelServer.extraInitContainers }}
{{- toYaml . }}
{{- end }}
{{- if and (eq .root.Values.lora.mode "syncer") (not .worker) }}
{{ include "inferencepool.syncer" .root }}
{{- end }}
{{- end }}

{{- /* The server's container, from `root`, `role` as in inferencepool.modelServerPod, and the completed `preset`. */}}
{{- define "inferencepool.modelServerContainer" -}}
{{- $preset := .preset -}}
{{- $worker := eq .role "worker" -}}
{{- $multiNode := ternary dict $preset.multiNode (eq .role "server") -}}
{{- $args := concat ($preset.args | default list) ($multiNode.args | default list) (ternary ($multiNode.workerArgs | default list) list $worker) -}}
{{- with .root -}}
{{- if eq .Values.lora.mode "static" }}{{ $args = concat $args (include "inferencepool.loraModules" . | fromYamlArray) }}{{ end -}}
{{- $drain := .Values.modelServer.drain -}}
- name: model-server
  image: {{ include "inferencepool.modelServerImage" (dict "root" . "preset" $preset) }}
  imagePullPolicy: {{ .Values.modelServer.image.pullPolicy }}
  {{- with $preset.command }}
  command:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with concat $args .Values.modelServer.extraArgs }}
  args:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "inferencepool.modelServerEnv" (dict "root" . "preset" $preset) }}
  env:
    {{- . | nindent 4 }}
  {{- end }}
  lifecycle:
    preStop:
      sleep:
        seconds: {{ ternary (add $drain.preStopSeconds $drain.longestGenerationSeconds) $drain.preStopSeconds $worker }}
  {{- if not $worker }}
  ports:
    - name: http
      containerPort: {{ .Values.pool.targetPort }}
  startupProbe:
    {{- include "inferencepool.startupProbe" (dict "root" . "preset" $preset) | nindent 4 }}
  readinessProbe:
    httpGet:
      path: {{ $preset.healthPath }}
      port: http
    {{- toYaml .Values.modelServer.readinessProbe | nindent 4 }}
  livenessProbe:
    httpGet:
      path: {{ $preset.healthPath }}
      port: http
    {{- toYaml .Values.modelServer.livenessProbe | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml $preset.securityContext | nindent 4 }}
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
{{- end -}}
{{- end }}

{{- /* Where the pods go: node selector, affinity and tolerations with the accelerator's, and
modelServer.topologySpreadConstraints. */}}
{{- define "inferencepool.placement" -}}
{{- $own := dict "matchLabels" (include "inferencepool.selector" (dict "root" . "component" "model-server") | fromYaml) -}}
{{- $spread := list -}}
{{- range .Values.modelServer.topologySpreadConstraints }}{{ $spread = append $spread (merge (deepCopy .) (dict "labelSelector" $own)) }}{{ end -}}
{{- dict
  "nodeSelector" (include "inferencepool.nodeSelector" . | fromYaml)
  "affinity" (include "inferencepool.affinity" . | fromYaml)
  "tolerations" (include "inferencepool.tolerations" . | fromYamlArray)
  "topologySpreadConstraints" $spread
  | include "inferencepool.withoutEmpty" -}}
{{- end }}

{{- /* Volumes of the pods, from model.source, model.cache, modelServer and lora. */}}
{{- define "inferencepool.modelServerVolumes" -}}
- name: data
  {{- with .Values.model.cache }}
  {{- if .claimName }}
  persistentVolumeClaim:
    claimName: {{ .claimName | quote }}
  {{- else }}
  emptyDir:
    {{- include "inferencepool.withoutEmpty" (pick . "sizeLimit") | default "{}" | nindent 4 }}
  {{- end }}
  {{- end }}
{{- with .Values.model.source }}
{{- if eq .type "pvc" }}
- name: model
  persistentVolumeClaim:
    claimName: {{ .claimName | quote }}
    readOnly: true
{{- else if eq .type "image" }}
- name: model
  image:
    reference: {{ .image | quote }}
    pullPolicy: IfNotPresent
{{- end }}
{{- end }}
- name: shm
  emptyDir:
    medium: Memory
    sizeLimit: {{ .Values.modelServer.sharedMemorySize }}
- name: tmp
  emptyDir: {}
- name: adapters
  {{- .Values.lora.volume | default (dict "emptyDir" dict) | toYaml | nindent 2 }}
{{- if eq .Values.lora.mode "syncer" }}
- name: adapters-config
  configMap:
    name: {{ include "inferencepool.adaptersName" . | quote }}
{{- end }}
{{- with .Values.modelServer.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
