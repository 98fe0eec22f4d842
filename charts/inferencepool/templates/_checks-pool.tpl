{{- /* Nothing, or a refusal because the cluster or the EPP can't do what the API's generation or aliases ask. */}}
{{- define "inferencepool.checkApi" -}}
{{- $api := include "inferencepool.api" . | fromJson -}}
{{- $epp := include "inferencepool.epp" . | fromJson -}}
{{- $generation := include "inferencepool.apiGeneration" . -}}
{{- if not (has $generation $epp.apis) -}}
{{- fail (printf "epp.generation is %s, which reads the API generation %s, but api.generation is %s; set epp.generation= (empty) for the EPP that belongs to it" (include "inferencepool.eppGeneration" .) (join " or " $epp.apis) $generation) -}}
{{- end -}}
{{- $sees := .Capabilities.APIVersions.Has (printf "%s/InferencePool" $api.poolVersion) -}}
{{- if and $sees .Values.aliases $api.rewriteVersion (not (.Capabilities.APIVersions.Has (printf "%s/InferenceModelRewrite" $api.rewriteVersion))) -}}
{{- fail (printf "aliases need the InferenceModelRewrite of %s, which this cluster does not serve; install the CRDs of Inference Extension 1.3 or later, or empty aliases" $api.rewriteVersion) -}}
{{- end -}}
{{- if and .Values.aliases $api.rewriteVersion (not (include "inferencepool.eppHas" (dict "epp" $epp "since" $epp.rewrites))) -}}
{{- fail (printf "aliases are given, but epp.image.tag is %s and the EPP rewrites them from %s on; take a newer image or empty aliases" $epp.version $epp.rewrites) -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because of aliases: one name twice, targets not all weighted, a criticality where none is. */}}
{{- define "inferencepool.checkAliases" -}}
{{- $criticality := (include "inferencepool.api" . | fromJson).modelVersion -}}
{{- $seen := dict -}}
{{- range .Values.aliases -}}
{{- $weighted := 0 -}}
{{- range .targets }}{{ if hasKey . "weight" }}{{ $weighted = add1 $weighted }}{{ end }}{{ end -}}
{{- if and (gt (len .targets) 1) (ne (int $weighted) (len .targets)) -}}
{{- fail (printf "the alias %s of aliases has %d targets and %d of them a weight; give each one a weight" .model (len .targets) (int $weighted)) -}}
{{- end -}}
{{- if hasKey $seen .model -}}
{{- fail (printf "the alias %s is named twice in aliases; name it once, with several targets" .model) -}}
{{- end -}}
{{- if and .criticality (not $criticality) -}}
{{- fail (printf "the alias %s of aliases has a criticality, which only api.generation=x-k8s has; leave it out and set objectives" .model) -}}
{{- end -}}
{{- $_ := set $seen .model true -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because of objectives: one name twice, or an API without them. */}}
{{- define "inferencepool.checkObjectives" -}}
{{- if and .Values.objectives (not (include "inferencepool.api" . | fromJson).objectiveVersion) -}}
{{- fail (printf "objectives are given, but api.generation is %s, which has no InferenceObjective; give the aliases a criticality and empty objectives" (include "inferencepool.apiGeneration" .)) -}}
{{- end -}}
{{- $epp := include "inferencepool.epp" . | fromJson -}}
{{- if and .Values.objectives $epp.withoutObjectives (semverCompare $epp.withoutObjectives $epp.version) -}}
{{- fail (printf "objectives are given, but epp.image.tag is %s and this EPP ignores them; take another image or empty objectives" $epp.version) -}}
{{- end -}}
{{- $seen := dict -}}
{{- range .Values.objectives -}}
{{- if hasKey $seen .name -}}
{{- fail (printf "the objective %s is named twice in objectives; name it once" .name) -}}
{{- end -}}
{{- $_ := set $seen .name true -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because the EPP's generation has no leader election or no open metrics. */}}
{{- define "inferencepool.checkEpp" -}}
{{- $epp := include "inferencepool.epp" . | fromJson -}}
{{- $generation := include "inferencepool.eppGeneration" . -}}
{{- if and (gt (int .Values.epp.replicas) 1) (not $epp.leaderElection) -}}
{{- fail (printf "epp.replicas is %d, but the EPP %s elects no leader and each would pick for itself; set epp.replicas=1" (int .Values.epp.replicas) $generation) -}}
{{- end -}}
{{- if and (not .Values.epp.metricsAuth) (not (include "inferencepool.eppHas" (dict "epp" $epp "since" $epp.openMetrics))) -}}
{{- fail (printf "epp.metricsAuth is false, but the EPP %s always asks for a token; set epp.metricsAuth=true" $epp.version) -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because epp.flags sets what the chart sets. */}}
{{- define "inferencepool.checkFlags" -}}
{{- range include "inferencepool.eppOwnArgs" . | fromYamlArray -}}
{{- $flag := . | trimPrefix "--" | splitList "=" | first -}}
{{- if hasKey $.Values.epp.flags $flag -}}
{{- fail (printf "epp.flags.%s is given, but the chart sets this flag itself; leave it out" $flag) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because of epp.plugins: custom without a config or the reverse, a preset that the EPP lacks. */}}
{{- define "inferencepool.checkPlugins" -}}
{{- $custom := eq .Values.epp.plugins.preset "custom" -}}
{{- with .Values.epp.plugins -}}
{{- if and $custom (not .custom) -}}
{{- fail "epp.plugins.preset is custom, but epp.plugins.custom is empty; put the EndpointPickerConfig there" -}}
{{- end -}}
{{- if and .custom (not $custom) -}}
{{- fail (printf "epp.plugins.custom is given, but epp.plugins.preset is %s and it would be ignored; set epp.plugins.preset=custom" .preset) -}}
{{- end -}}
{{- end -}}
{{- if not $custom }}{{ include "inferencepool.checkPreset" . }}{{ end -}}
{{- end }}

{{- /* Nothing, or a refusal because the EPP, or the version of it in epp.image.tag, can't decode epp.plugins.preset. */}}
{{- define "inferencepool.checkPreset" -}}
{{- $epp := include "inferencepool.epp" . | fromJson -}}
{{- $preset := .Values.epp.plugins.preset -}}
{{- if not (hasKey $epp.presets $preset) -}}
{{- fail (printf "epp.plugins.preset is %s, which the EPP %s can't decode; set one of %s, or custom" $preset (include "inferencepool.eppGeneration" .) (keys $epp.presets | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $since := get $epp.presets $preset -}}
{{- if not (include "inferencepool.eppHas" (dict "epp" $epp "since" $since)) -}}
{{- fail (printf "epp.plugins.preset is %s, which the EPP decodes from %s on, but epp.image.tag is %s; take a newer image or another preset" $preset $since $epp.version) -}}
{{- end -}}
{{- $names := list -}}
{{- range .Values.epp.extraEnv }}{{ $names = append $names .name }}{{ end -}}
{{- if and (eq $preset "predicted-latency") (not (has "PREDICTION_SERVER_URL" $names)) -}}
{{- fail "epp.plugins.preset is predicted-latency, but epp.extraEnv has no PREDICTION_SERVER_URL; name the latency predictor's servers there (TRAINING_SERVER_URL too) and add them as epp.extraContainers" -}}
{{- end -}}
{{- end }}
