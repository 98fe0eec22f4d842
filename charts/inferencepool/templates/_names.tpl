{{- /* Name of the EPP's objects: adopt.epp.name, or from the release. */}}
{{- define "inferencepool.eppName" -}}
{{ .Values.adopt.epp.name | default (printf "%s-epp" .Release.Name) }}
{{- end }}

{{- /* Name of the model servers' Deployment: adopt.modelServer.name, or the release's. */}}
{{- define "inferencepool.serverName" -}}
{{ .Values.adopt.modelServer.name | default .Release.Name }}
{{- end }}

{{- /* Name of the adapters' ConfigMap: adopt.adapters, or from the release. */}}
{{- define "inferencepool.adaptersName" -}}
{{ .Values.adopt.adapters | default (printf "%s-adapters" .Release.Name) }}
{{- end }}

{{- /* Labels of every object, from chart and release. */}}
{{- define "inferencepool.labels" -}}
app.kubernetes.io/name: inferencepool
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Labels that select the pods of one part (model-server or epp) of this release, from `root` and `component`: those of
adopt, or the chart's. */}}
{{- define "inferencepool.selector" -}}
{{- $adopt := .root.Values.adopt -}}
{{- $pool := $adopt.pool.selector | default $adopt.modelServer.selector -}}
{{- get (dict "epp" $adopt.epp.selector "model-server" $pool) .component | default (include "inferencepool.ownLabels" . | fromYaml) | toYaml -}}
{{- end }}

{{- /* Labels of the chart's own that tell the pods of one part of this release, from `root` and `component`. */}}
{{- define "inferencepool.ownLabels" -}}
app.kubernetes.io/name: inferencepool
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* A LabelSelector of all pods that compute for this release's model, servers and the workers of a leaderWorkerSet, from
the release, or adopt.modelServer.selector: an adopted pod need not have the chart's labels. */}}
{{- define "inferencepool.nodesSelector" -}}
matchLabels:
  {{- with .Values.adopt.modelServer.selector }}
  {{- toYaml . | nindent 2 }}
  {{- else }}
  app.kubernetes.io/name: inferencepool
  app.kubernetes.io/instance: {{ .Release.Name | quote }}
matchExpressions:
  - key: app.kubernetes.io/component
    operator: In
    values: [model-server, model-server-worker]
  {{- end }}
{{- end }}

{{- /* An image reference, from `image` (registry, repository, tag, digest) and `root` (global.imageRegistry). */}}
{{- define "inferencepool.image" -}}
{{- $registry := .root.Values.global.imageRegistry | default .image.registry -}}
{{- $version := ternary (printf ":%s" .image.tag) (printf "@%s" .image.digest) (empty .image.digest) -}}
{{ $registry }}/{{ .image.repository }}{{ $version }}
{{- end }}

{{- /* An image reference: what is set of `image` over `preset`, with `root`. */}}
{{- define "inferencepool.imageOver" -}}
{{- $set := dict -}}
{{- range $key, $value := pick .image "registry" "repository" "tag" "digest" }}{{ if $value }}{{ $_ := set $set $key $value }}{{ end }}{{ end -}}
{{- include "inferencepool.image" (dict "root" .root "image" (merge $set .preset)) -}}
{{- end }}

{{- /* Pull secrets of a pod, from global.imagePullSecrets. */}}
{{- define "inferencepool.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
