{{- /* Labels of every object, from chart and release. */}}
{{- define "inferencepool.labels" -}}
app.kubernetes.io/name: inferencepool
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ include "inferencepool.labelValue" .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | include "inferencepool.labelValue" }}
{{- end }}

{{- /* The value of a label for a text with a version: a label can't have the + of build metadata, nor more than 63
       characters. */}}
{{- define "inferencepool.labelValue" -}}
{{- regexReplaceAll "[^A-Za-z0-9]+$" (replace "+" "_" . | trunc 63) "" }}
{{- end }}

{{- /* The chart's own labels of one `component` of this release (model-server, epp, test) as JSON, from `root`. */}}
{{- define "inferencepool.ownLabels" -}}
{{- dict
  "app.kubernetes.io/name" "inferencepool"
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/component" .component
  | toJson }}
{{- end }}

{{- /* Labels that select the pods of one `component` of this release, from `root`: those of adopt, or the chart's. */}}
{{- define "inferencepool.selector" -}}
{{- $adopt := .root.Values.adopt }}
{{- $pool := $adopt.pool.selector | default $adopt.modelServer.selector }}
{{- $adopted := get (dict "epp" $adopt.epp.selector "model-server" $pool) .component }}
{{- $adopted | default (include "inferencepool.ownLabels" . | fromJson) | toYaml }}
{{- end }}

{{- /* A LabelSelector of the model servers and of the workers of a leaderWorkerSet, from the release, or from
       adopt.modelServer.selector: an adopted pod may lack the chart's labels. */}}
{{- define "inferencepool.serversAndWorkers" -}}
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
