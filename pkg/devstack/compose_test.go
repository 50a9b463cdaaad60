package devstack

import (
	"bytes"
	"crypto/tls"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		name, _ := filepath.Rel(dir, file)
		all[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func composeSecrets(t *testing.T, dir string) map[string]string {
	t.Helper()
	if err := ComposeSecrets(dir); err != nil {
		t.Fatal(err)
	}
	return contents(t, dir)
}

func TestSecretsOfComposeStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := composeSecrets(t, dir)
	again := composeSecrets(t, dir)
	for name, text := range first {
		if again[name] != text {
			t.Errorf("%s is another one after the second start", name)
		}
	}
	if len(again) != len(first) {
		t.Errorf("there are %d files after the second start, not %d", len(again), len(first))
	}
	if other := composeSecrets(t, t.TempDir()); other["auth/JWT_SECRET"] == first["auth/JWT_SECRET"] {
		t.Error("two clones have one secret")
	}
}

// A start may end between any two files; every file that is missing stands for that.
func TestSecretsOfComposeAreCompletedByTheNextStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := composeSecrets(t, dir)
	for name := range first {
		if name == keep {
			continue // written first
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		again := composeSecrets(t, dir)
		for other, text := range first {
			certificate := strings.HasSuffix(other, ".crt") || strings.HasSuffix(other, ".key")
			if !certificate && again[other] != text {
				t.Errorf("without %s, %s was made anew", name, other)
			}
		}
		if !certified(dir, filepath.Join(dir, "ca.crt")) {
			t.Errorf("without %s, the certificates do not fit together", name)
		}
		for _, r := range readers() {
			if again[filepath.Join(r.name, "ca.crt")] != again["ca.crt"] {
				t.Errorf("without %s, %s trusts another authority", name, r.name)
			}
		}
	}
}

func TestSecretsOfComposeAreForTheirReadersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	all := composeSecrets(t, dir)
	users := map[string]int{}
	for _, r := range readers() {
		users[r.name] = r.uid
	}
	for name := range all {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want := fs.FileMode(0o400)
		if filepath.Base(name) == "ca.crt" {
			want = 0o444
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v", name, info.Mode().Perm())
		}
		uid := os.Geteuid()
		if uid == 0 {
			uid = users[filepath.Dir(name)] // the top is root's, as the test's directory
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != uid {
			t.Errorf("%s is not user %d's", name, uid)
		}
	}
	// What one service knows, no other does, but for what they share on purpose.
	shared := []string{"JWT_SECRET", "CLERK_SECRET_KEY", "CLERK_WEBHOOK_SECRET", "ca.crt"}
	seen := map[string]string{}
	for name, text := range all {
		reader, file := filepath.Split(name)
		if reader == "" || reader == "journey/" || slices.Contains(shared, file) { // the journey is the demo client's
			continue
		}
		if other, ok := seen[text]; ok {
			t.Errorf("%s and %s are the same", name, other)
		}
		seen[text] = name
	}
}

func TestCertificatesOfComposeAreForTheirHosts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	composeSecrets(t, dir)
	for _, r := range readersWith() {
		for file := range r.certificates() {
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, r.name, file+".crt"), filepath.Join(dir, r.name, file+".key"))
			if err != nil {
				t.Fatal(err)
			}
			for _, host := range append(r.hosts, "localhost") {
				if err := pair.Leaf.VerifyHostname(host); err != nil {
					t.Error(err)
				}
			}
			if pair.Leaf.VerifyHostname("elsewhere") == nil {
				t.Errorf("%s/%s is for every host", r.name, file)
			}
		}
	}
	// CockroachDB goes by the files' names and by the common names.
	for file, want := range map[string]string{"node": "node", "client.root": "root"} {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cockroach", file+".crt"), filepath.Join(dir, "cockroach", file+".key"))
		if err != nil {
			t.Fatal(err)
		}
		if got := pair.Leaf.Subject.CommonName; got != want {
			t.Errorf("%s is for %s", file, got)
		}
	}
}

// The servers are started with these files in containers; here NATS reads its own, and
// TestRedisTakesTheFilesOfCompose starts Redis.
func TestNATSTakesTheFilesOfCompose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	composeSecrets(t, dir)
	conf, err := os.ReadFile("../../deploy/compose/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	conf = bytes.ReplaceAll(conf, []byte("/etc/nats/secrets"), []byte(filepath.Join(dir, "nats")))
	conf = bytes.ReplaceAll(conf, []byte("./secrets/"), []byte("./nats/"))
	file := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(file, conf, 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if opts.TLSConfig == nil || !opts.JetStream || !opts.SyncAlways {
		t.Errorf("TLS %v, JetStream %v, sync always %v", opts.TLSConfig != nil, opts.JetStream, opts.SyncAlways)
	}
	for _, want := range natsUsers() {
		i := slices.IndexFunc(opts.Users, func(u *server.User) bool { return u.Username == want.Name })
		if i < 0 || opts.Users[i].Password == "" {
			t.Errorf("%s is no user with a password", want.Name)
			continue
		}
		granted := opts.Users[i].Permissions
		if want.Publish == nil {
			continue
		}
		if granted == nil || !slices.Equal(granted.Publish.Allow, want.Publish) || !slices.Equal(granted.Subscribe.Allow, want.Subscribe) {
			t.Errorf("%s may %v", want.Name, granted)
		}
	}
}
