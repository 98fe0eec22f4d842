{{- /* An image reference: the keys that `image` sets over those of `preset`, and global.imageRegistry of `root`. */}}
{{- define "inferencepool.image" -}}
{{- $image := merge (pick .image "registry" "repository" "tag" "digest") (.preset | default dict) }}
{{- $registry := .root.Values.global.imageRegistry | default $image.registry }}
{{- $version := ternary (printf ":%s" $image.tag) (printf "@%s" $image.digest) (empty $image.digest) }}
{{- printf "%s/%s%s" $registry $image.repository $version }}
{{- end }}
