{{- /* Fails if another release owns an object that this release would make: a release `pool` makes a Deployment
       pool-epp, and so does a release `pool-epp`. Helm refuses this too, unless it may take objects over, as it may
       under Flux. What adopt or an `object` names is meant to pass to this release, so it is not checked. */}}
{{- define "inferencepool.checkOwners" -}}
{{- range include "inferencepool.ownNames" . | fromJsonArray }}
  {{- $live := dict }}
  {{- if $.Capabilities.APIVersions.Has (printf "%s/%s" .apiVersion .kind) }}
    {{- $live = lookup .apiVersion .kind $.Release.Namespace .name }}
  {{- end }}
  {{- $owner := dig "metadata" "annotations" "meta.helm.sh/release-name" $.Release.Name $live }}
  {{- if ne $owner $.Release.Name }}
    {{- fail (printf "%s %s belongs to release %s, and release %s would make one of the same name; %s" .kind .name $owner $.Release.Name .remedy) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Objects of this release whose names come from the release's and could meet those of another one, as a JSON list:
       `apiVersion`, `kind`, `name`, and the `remedy`. */}}
{{- define "inferencepool.ownNames" -}}
{{- $api := include "inferencepool.api" . | fromJson }}
{{- $remedy := "give one of the two releases another name" }}
{{- $deployment := dict "apiVersion" "apps/v1" "kind" "Deployment" "remedy" $remedy }}
{{- $route := merge (dict "apiVersion" "gateway.networking.k8s.io/v1" "kind" "HTTPRoute") $deployment }}
{{- $found := list }}
{{- if not (or .Values.leaderWorkerSet.enabled (include "inferencepool.withoutEmpty" .Values.adopt.modelServer)) }}
  {{- $found = append $found (merge (dict "name" (include "inferencepool.serverName" .)) $deployment) }}
{{- end }}
{{- if not (include "inferencepool.withoutEmpty" (omit .Values.adopt.epp "configFile")) }}
  {{- $found = append $found (merge (dict "name" (include "inferencepool.eppName" .)) $deployment) }}
{{- end }}
{{- if .Values.preview.enabled }}
  {{- $found = append $found (merge (dict "name" (printf "%s-preview" .Release.Name)) $route) }}
{{- end }}
{{- range ternary list .Values.objectives (empty $api.objectiveVersion) }}
  {{- $remedy := printf "give the objective %s of objectives another name, or an object" .name }}
  {{- $object := dict "apiVersion" $api.objectiveVersion "kind" "InferenceObjective" "remedy" $remedy }}
  {{- $_ := set $object "name" (printf "%s-%s" $.Release.Name .name) }}
  {{- $found = ternary $found (append $found $object) (hasKey . "object") }}
{{- end }}
{{- range ternary list .Values.aliases (empty $api.modelVersion) }}
  {{- $remedy := printf "give the alias %s of aliases an object" .model }}
  {{- $object := dict "apiVersion" $api.modelVersion "kind" "InferenceModel" "remedy" $remedy }}
  {{- $_ := set $object "name" (printf "%s-%s" $.Release.Name (include "inferencepool.nameOf" .model)) }}
  {{- $found = ternary $found (append $found $object) (hasKey . "object") }}
{{- end }}
{{- $found | toJson }}
{{- end }}
