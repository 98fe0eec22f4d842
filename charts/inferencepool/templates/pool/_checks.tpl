{{- /* All checks of pool, api, aliases and objectives. */}}
{{- define "inferencepool.checkPool" -}}
{{- include "inferencepool.checkApi" . }}
{{- include "inferencepool.checkParents" (dict "list" "preview.parentRefs" "refs" .Values.preview.parentRefs) }}
{{- if include "inferencepool.rewrites" . | fromJsonArray }}
  {{- include "inferencepool.checkRewrites" . }}
{{- end }}
{{- if .Values.aliases }}
  {{- include "inferencepool.checkAliases" . }}
{{- end }}
{{- if .Values.objectives }}
  {{- include "inferencepool.checkObjectives" . }}
{{- end }}
{{- end }}

{{- /* Fails if the EPP's family does not read the API version. */}}
{{- define "inferencepool.checkApi" -}}
{{- $epp := include "inferencepool.epp" . | fromJson }}
{{- $version := include "inferencepool.apiVersion" . }}
{{- if not (has $version $epp.apis) }}
  {{- fail (printf "epp.family is %s, which reads the API version %s, but api.version is %s; set epp.family= (empty) for the EPP that belongs to it" (include "inferencepool.eppFamily" .) (join " or " $epp.apis) $version) }}
{{- end }}
{{- $ofRouter := "llm-d.ai/v1alpha2/InferenceObjective" }}
{{- $isRouter := eq (include "inferencepool.eppFamily" .) "router" }}
{{- if and $isRouter (ne $version "router") (.Capabilities.APIVersions.Has $ofRouter) }}
  {{- fail (printf "epp.family is router and api.version is %s, but this cluster serves %s, and the router then ignores the objectives and rewrites of the older group; set api.version=router" $version $ofRouter) }}
{{- end }}
{{- end }}

{{- /* Fails if aliases, or adapters with another name on the server, need an InferenceModelRewrite that the cluster
       does not serve, or the EPP does not read. */}}
{{- define "inferencepool.checkRewrites" -}}
{{- $api := include "inferencepool.api" . | fromJson }}
{{- $epp := include "inferencepool.epp" . | fromJson }}
{{- $served := .Capabilities.APIVersions }}
{{- $knowsCluster := $served.Has (printf "%s/InferencePool" $api.poolVersion) }}
{{- $isServed := $served.Has (printf "%s/InferenceModelRewrite" $api.rewriteVersion) }}
{{- if and $api.rewriteVersion $knowsCluster (not $isServed) }}
  {{- fail (printf "aliases need the InferenceModelRewrite of %s, which this cluster does not serve; install the CRDs of Inference Extension 1.3 or later, or empty aliases" $api.rewriteVersion) }}
{{- end }}
{{- if and $api.rewriteVersion (not (include "inferencepool.eppHas" (dict "epp" $epp "since" $epp.rewrites))) }}
  {{- fail (printf "aliases are given, but epp.image.tag is %s and the EPP rewrites them from %s on; take a newer image or empty aliases" $epp.version $epp.rewrites) }}
{{- end }}
{{- end }}

{{- /* Fails if aliases name a model or an object twice, have targets of which only some are weighted, or a criticality
       where the API version has none. */}}
{{- define "inferencepool.checkAliases" -}}
{{- $hasCriticality := (include "inferencepool.api" . | fromJson).modelVersion }}
{{- $models := list }}
{{- $objects := list }}
{{- range .Values.aliases }}
  {{- $object := .object | default (printf "%s-%s" $.Release.Name (include "inferencepool.nameOf" .model)) }}
  {{- include "inferencepool.checkAliasWeights" . }}
  {{- if has .model $models }}
    {{- fail (printf "the alias %s is named twice in aliases; name it once, with several targets" .model) }}
  {{- end }}
  {{- if and .criticality (not $hasCriticality) }}
    {{- fail (printf "the alias %s of aliases has a criticality, which only api.version=x-k8s has; leave it out and set objectives" .model) }}
  {{- end }}
  {{- if and $hasCriticality (has $object $objects) }}
    {{- fail (printf "two of aliases make the InferenceModel %s; give %s another object" $object .model) }}
  {{- end }}
  {{- $models = append $models .model }}
  {{- $objects = append $objects $object }}
{{- end }}
{{- end }}

{{- /* Fails if an alias has several targets and some without a weight. */}}
{{- define "inferencepool.checkAliasWeights" -}}
{{- $weighted := list }}
{{- range .targets }}
  {{- $weighted = ternary (append $weighted .model) $weighted (hasKey . "weight") }}
{{- end }}
{{- if and (gt (len .targets) 1) (ne (len $weighted) (len .targets)) }}
  {{- fail (printf "the alias %s of aliases has %d targets and %d of them a weight; give each one a weight" .model (len .targets) (len $weighted)) }}
{{- end }}
{{- end }}

{{- /* Fails if objectives name one or its object twice, or the API version or the EPP has none. */}}
{{- define "inferencepool.checkObjectives" -}}
{{- $epp := include "inferencepool.epp" . | fromJson }}
{{- if not (include "inferencepool.api" . | fromJson).objectiveVersion }}
  {{- fail (printf "objectives are given, but api.version is %s, which has no InferenceObjective; give the aliases a criticality and empty objectives" (include "inferencepool.apiVersion" .)) }}
{{- end }}
{{- if and $epp.withoutObjectives (semverCompare $epp.withoutObjectives $epp.version) }}
  {{- fail (printf "objectives are given, but epp.image.tag is %s and this EPP ignores them; take another image or empty objectives" $epp.version) }}
{{- end }}
{{- $names := list }}
{{- $objects := list }}
{{- range .Values.objectives }}
  {{- $object := .object | default (printf "%s-%s" $.Release.Name .name) }}
  {{- if and (not .object) (gt (len $object) 253) }}
    {{- fail (printf "the objective %s of objectives makes a name of %d characters, and an object's has 253; shorten it, or set its object" .name (len $object)) }}
  {{- end }}
  {{- if has .name $names }}
    {{- fail (printf "the objective %s is named twice in objectives; name it once" .name) }}
  {{- end }}
  {{- if has $object $objects }}
    {{- fail (printf "two of objectives make the InferenceObjective %s; give %s another object" $object .name) }}
  {{- end }}
  {{- $names = append $names .name }}
  {{- $objects = append $objects $object }}
{{- end }}
{{- end }}

{{- /* Fails if one of several `refs` of the list `list` to one Gateway does not say which listener it means. */}}
{{- define "inferencepool.checkParents" -}}
{{- $parents := list }}
{{- range .refs }}
  {{- $parents = append $parents (pick . "namespace" "name") }}
{{- end }}
{{- range .refs }}
  {{- $others := without $parents (pick . "namespace" "name") }}
  {{- if and (lt (len $others) (sub (len $parents) 1 | int)) (not (or .sectionName .port)) }}
    {{- fail (printf "%s refers to the Gateway %s several times, and once to all of its listeners; give each its sectionName, or leave the others out" $.list .name) }}
  {{- end }}
{{- end }}
{{- end }}
