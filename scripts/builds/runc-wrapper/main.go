// Command runc-wrapper runs runc on a machine whose capability bounding set lacks CAP_SYS_RESOURCE.
// There a privileged container can't be given that capability and runc stops with "unable to apply caps".
// The wrapper takes it out of the bundle's config.json (create, run) and out of the process file (exec),
// then becomes runc. It is used only on such machines: by dockerd, and by containerd inside the kind node.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const missing = "CAP_SYS_RESOURCE"

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "runc-wrapper:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if bundle := option(args, "--bundle", "-b"); bundle != "" {
		if err := rewrite(filepath.Join(bundle, "config.json"), "process"); err != nil {
			return err
		}
	}
	if process := option(args, "--process", "-p"); process != "" {
		if err := rewrite(process); err != nil {
			return err
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	return syscall.Exec(runc, append([]string{"runc"}, args[1:]...), os.Environ())
}

// option returns the value of the flag in either spelling, as "--flag value" or "--flag=value", or "".
func option(args []string, names ...string) string {
	for i, arg := range args {
		for _, name := range names {
			if arg == name && i+1 < len(args) {
				return args[i+1]
			}
			if value, found := strings.CutPrefix(arg, name+"="); found {
				return value
			}
		}
	}
	return ""
}

// rewrite takes the missing capability out of every list under "capabilities" of the object at path.
func rewrite(file string, path ...string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document map[string]any
	if err := json.Unmarshal(raw, &document); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	object := document
	for _, key := range path {
		object, _ = object[key].(map[string]any)
	}
	capabilities, _ := object["capabilities"].(map[string]any)
	for set, value := range capabilities {
		capabilities[set] = without(value)
	}
	raw, err = json.Marshal(document)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o600)
}

func without(value any) any {
	list, _ := value.([]any)
	kept := make([]any, 0, len(list))
	for _, name := range list {
		if name != missing {
			kept = append(kept, name)
		}
	}
	return kept
}
