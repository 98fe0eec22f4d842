{{- /* Name of the EPP's objects: adopt.epp.name, or from the release. */}}
{{- define "inferencepool.eppName" -}}
{{- .Values.adopt.epp.name | default (printf "%s-epp" .Release.Name) }}
{{- end }}

{{- /* Name of the ClusterRole for the EPP's metrics. The names of namespaces and Deployments have no colon, so those of
       two releases can't meet. */}}
{{- define "inferencepool.metricsAuthName" -}}
{{- printf "%s:%s:metrics-auth" .Release.Namespace (include "inferencepool.eppName" .) }}
{{- end }}

{{- /* Name of the model servers' Deployment: adopt.modelServer.name, or the release's. */}}
{{- define "inferencepool.serverName" -}}
{{- .Values.adopt.modelServer.name | default .Release.Name }}
{{- end }}

{{- /* Name of the adapters' ConfigMap: adopt.adapters, or from the release. */}}
{{- define "inferencepool.adaptersName" -}}
{{- .Values.adopt.adapters | default (printf "%s-adapters" .Release.Name) }}
{{- end }}

{{- /* A part of an object's name for any text: the text itself if a name can have it, else a short form with a hash.
       */}}
{{- define "inferencepool.nameOf" -}}
{{- $plain := regexReplaceAll "[^a-z0-9]+" (lower .) "-" | trunc 40 | trimAll "-" }}
{{- ternary . (printf "%s-%s" $plain (sha256sum . | trunc 8) | trimPrefix "-") (eq $plain .) }}
{{- end }}
