{{- /* Fails if another release owns an object that this release would make: a release `pool` makes a Deployment
       pool-epp, and so does a release `pool-epp`. Helm refuses this too, unless it may take objects over, as it may
       under Flux. What adopt or an `object` names is meant to pass to this release, so it is not checked. */}}
{{- define "inferencepool.checkOwners" -}}
{{- range $object := include "inferencepool.ownNames" . | fromJsonArray }}
  {{- $live := lookup .apiVersion .kind $.Release.Namespace .name }}
  {{- $owner := dig "metadata" "annotations" "meta.helm.sh/release-name" $.Release.Name $live }}
  {{- if ne $owner $.Release.Name }}
    {{- fail (printf "%s %s belongs to release %s, and release %s would make one of the same name; %s" .kind .name $owner $.Release.Name .remedy) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Objects of this release whose names could meet those of another one, as a JSON list: `apiVersion`, `kind`, `name`,
       and the `remedy`. The names come from the release's; the cluster knows the kinds. */}}
{{- define "inferencepool.ownNames" -}}
{{- $api := include "inferencepool.api" . | fromJson }}
{{- $rename := "give one of the two releases another name" }}
{{- $server := dict "apiVersion" "apps/v1" "kind" "Deployment" "name" (include "inferencepool.serverName" .) "remedy" $rename }}
{{- $epp := dict "apiVersion" "apps/v1" "kind" "Deployment" "name" (include "inferencepool.eppName" .) "remedy" $rename }}
{{- $preview := dict "apiVersion" "gateway.networking.k8s.io/v1" "kind" "HTTPRoute" "name" (printf "%s-preview" .Release.Name) "remedy" $rename }}
{{- $_ := set $server "meant" (or .Values.leaderWorkerSet.enabled (include "inferencepool.withoutEmpty" .Values.adopt.modelServer)) }}
{{- $_ := set $epp "meant" (include "inferencepool.withoutEmpty" (omit .Values.adopt.epp "configFile")) }}
{{- $_ := set $preview "meant" (not .Values.preview.enabled) }}
{{- $found := list $server $epp $preview }}
{{- range ternary list .Values.objectives (empty $api.objectiveVersion) }}
  {{- $name := printf "%s-%s" $.Release.Name .name }}
  {{- $remedy := printf "give the objective %s of objectives another name, or an object" .name }}
  {{- $found = append $found (dict "apiVersion" $api.objectiveVersion "kind" "InferenceObjective" "name" $name "remedy" $remedy "meant" .object) }}
{{- end }}
{{- range ternary list .Values.aliases (empty $api.modelVersion) }}
  {{- $name := printf "%s-%s" $.Release.Name (include "inferencepool.nameOf" .model) }}
  {{- $remedy := printf "give the alias %s of aliases an object" .model }}
  {{- $found = append $found (dict "apiVersion" $api.modelVersion "kind" "InferenceModel" "name" $name "remedy" $remedy "meant" .object) }}
{{- end }}
{{- $known := list }}
{{- range $found }}
  {{- if and (not .meant) ($.Capabilities.APIVersions.Has (printf "%s/%s" .apiVersion .kind)) }}
    {{- $known = append $known . }}
  {{- end }}
{{- end }}
{{- $known | toJson }}
{{- end }}
