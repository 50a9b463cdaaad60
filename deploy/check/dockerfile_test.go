package check

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// dockerfile is one after parsing: its stages, and what stands before the first.
type dockerfile struct {
	stages []instructions.Stage
	args   []instructions.ArgCommand
}

// final is what becomes the image.
func (d dockerfile) final() instructions.Stage { return d.stages[len(d.stages)-1] }

func parse(t *testing.T, text string) dockerfile {
	t.Helper()
	tree, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range tree.Warnings {
		t.Error(warning.Short)
	}
	stages, args, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dockerfile{stages, args}
}

// last gives the final stage's last command of a kind; it is the one that counts.
func last[C instructions.Command](d dockerfile) (found C, ok bool) {
	for _, command := range d.final().Commands {
		if c, is := command.(C); is {
			found, ok = c, true
		}
	}
	return found, ok
}

// every gives the commands of a kind in all stages.
func every[C instructions.Command](d dockerfile) []C {
	var list []C
	for _, stage := range d.stages {
		for _, command := range stage.Commands {
			if c, is := command.(C); is {
				list = append(list, c)
			}
		}
	}
	return list
}

// dockerfileRules are those that hold for each. A rule says what is wrong, or
// nothing.
var dockerfileRules = map[string]func(dockerfile) string{
	"bases are pinned":                       pinned,
	"the image has nothing but the binary":   bare,
	"the user is a number and not root":      unprivileged,
	"the program is started without a shell": direct,
	"labels":                                 labelled,
	"nothing is fetched by ADD":              noAdd,
	"nothing secret is in it":                noSecrets,
	"builds are repeatable":                  repeatable,
}

var exact = regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$`)

func pinned(d dockerfile) string {
	known := map[string]bool{"scratch": true}
	for _, stage := range d.stages {
		if !known[stage.BaseName] && !exact.MatchString(stage.BaseName) {
			return stage.BaseName + " is no exact version"
		}
		known[stage.Name] = stage.Name != ""
	}
	for _, c := range every[*instructions.CopyCommand](d) {
		if c.From != "" && !known[c.From] {
			return "COPY --from=" + c.From + " is of no stage"
		}
	}
	return ""
}

func bare(d dockerfile) string {
	if d.final().BaseName != "scratch" {
		return "the final stage is of " + d.final().BaseName
	}
	var certificates bool
	for _, command := range d.final().Commands {
		c, is := command.(*instructions.CopyCommand)
		switch {
		case command.Name() == "RUN":
			return "there is no shell that RUN could start"
		case is && c.From == "":
			return "copies from the context: " + c.String()
		case is && c.DestPath == "/etc/ssl/certs/ca-certificates.crt":
			certificates = true
		}
	}
	if !certificates {
		return "no certificates of authorities"
	}
	return ""
}

func unprivileged(d dockerfile) string {
	user, ok := last[*instructions.UserCommand](d)
	if !ok || user.User != "65532:65532" {
		return fmt.Sprintf("USER is not 65532:65532: %v", user)
	}
	return ""
}

func direct(d dockerfile) string {
	entry, ok := last[*instructions.EntrypointCommand](d)
	if !ok || entry.PrependShell || len(entry.CmdLine) != 1 || !path.IsAbs(entry.CmdLine[0]) {
		return "ENTRYPOINT is not the binary alone"
	}
	if cmd, ok := last[*instructions.CmdCommand](d); ok && cmd.PrependShell {
		return "CMD needs a shell"
	}
	if health, ok := last[*instructions.HealthCheckCommand](d); ok {
		test := health.Health.Test
		if len(test) != 3 || test[0] != "CMD" || test[1] != entry.CmdLine[0] || test[2] != "health" {
			return fmt.Sprintf("HEALTHCHECK does not ask the binary: %q", test)
		}
	}
	return ""
}

func labelled(d dockerfile) string {
	given := map[string]string{}
	for _, command := range d.final().Commands {
		if c, is := command.(*instructions.LabelCommand); is {
			for _, label := range c.Labels {
				given[label.Key] = strings.Trim(label.Value, `"`)
			}
		}
	}
	for _, name := range []string{"title", "description", "version", "revision", "source", "licenses"} {
		if given["org.opencontainers.image."+name] == "" {
			return "no " + name
		}
	}
	for _, name := range []string{"version", "revision", "source"} {
		if want := "$" + strings.ToUpper(name); given["org.opencontainers.image."+name] != want {
			return name + " is not " + want
		}
	}
	return ""
}

func noAdd(d dockerfile) string {
	for _, c := range every[*instructions.AddCommand](d) {
		return c.String()
	}
	return ""
}

var secretive = regexp.MustCompile(`(?i)secret|password|passwd|token|credential|private|_key|apikey|netrc`)

// noSecrets looks at names: arguments and variables stay in an image's history.
func noSecrets(d dockerfile) string {
	args := every[*instructions.ArgCommand](d)
	for i := range d.args {
		args = append(args, &d.args[i])
	}
	for _, c := range args {
		for _, arg := range c.Args {
			if secretive.MatchString(arg.Key) {
				return "ARG " + arg.Key
			}
		}
	}
	for _, c := range every[*instructions.EnvCommand](d) {
		for _, env := range c.Env {
			if secretive.MatchString(env.Key) {
				return "ENV " + env.Key
			}
		}
	}
	return ""
}

// repeatable refuses what gives another result tomorrow.
func repeatable(d dockerfile) string {
	for _, c := range every[*instructions.RunCommand](d) {
		line := strings.Join(c.CmdLine, " ")
		for _, word := range []string{"apt", "apk", "curl", "wget", "@latest", "git "} {
			if strings.Contains(line, word) {
				return word + " in: " + line
			}
		}
		if strings.Contains(line, "go build") && !strings.Contains(line, "-trimpath -buildvcs=false") {
			return "directory or git in the binary: " + line
		}
	}
	return ""
}

func TestDockerfiles(t *testing.T) {
	t.Parallel()
	for _, file := range named(t, "Dockerfile") {
		d := parse(t, read(t, file))
		for rule, check := range dockerfileRules {
			if problem := check(d); problem != "" {
				t.Errorf("%s: %s: %s", file, rule, problem)
			}
		}
	}
}
