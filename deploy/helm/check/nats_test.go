package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"sigs.k8s.io/yaml"
)

// natsValues is the part of the chart's values that ends up in the server's
// configuration as it is.
type natsValues struct {
	Config struct {
		Merge     map[string]any
		Jetstream struct{ Merge map[string]any }
		Leafnodes struct{ Merge map[string]any }
	}
}

func natsFile(t *testing.T, name string) (v natsValues) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, dependencies+"/nats/"+name+".yaml")), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// startNATS runs a server with a configuration as the chart writes it: JSON in
// which << $NAME >> is a variable of the environment. There is no TLS here.
func startNATS(t *testing.T, parts ...map[string]any) *server.Server {
	t.Helper()
	whole := map[string]any{"host": "127.0.0.1", "port": -1}
	for _, part := range parts {
		maps.Copy(whole, part)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(whole); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "nats.conf")
	written := regexp.MustCompile(`"<< (\$\w+) >>"`).ReplaceAll(text.Bytes(), []byte("$1"))
	if err := os.WriteFile(file, written, 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	options.NoSigs, options.NoLog = true, true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s
}

// TestNATS runs a hub and a leaf node with the users of the values: each service
// has its streams, through either server, and may not take them away.
func TestNATS(t *testing.T) {
	for _, name := range []string{"AUTH", "RESOURCES", "SUBSCRIBER", "LEAF"} {
		t.Setenv(name+"_PASSWORD", "of_"+name)
	}
	users, hubValues, leafValues := natsFile(t, "dev"), natsFile(t, "hub"), natsFile(t, "leaf")
	storage := map[string]any{"store_dir": t.TempDir()}
	maps.Copy(storage, users.Config.Jetstream.Merge)
	leafnodes := map[string]any{"host": "127.0.0.1", "port": -1}
	maps.Copy(leafnodes, hubValues.Config.Leafnodes.Merge)
	hub := startNATS(t, users.Config.Merge, hubValues.Config.Merge, map[string]any{"jetstream": storage, "leafnodes": leafnodes})
	info, err := hub.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !info.JetStream.Config.SyncAlways {
		t.Error("what is acknowledged may not be on disk")
	}
	t.Setenv("LEAF_URL", fmt.Sprintf("nats://leaf:of_LEAF@127.0.0.1:%d", info.LeafNode.Port))
	remotes, ok := leafValues.Config.Leafnodes.Merge["remotes"].([]any)
	if !ok {
		t.Fatal("the leaf node has no hub")
	}
	delete(remotes[0].(map[string]any), "tls")
	leaf := startNATS(t, users.Config.Merge, leafValues.Config.Merge, map[string]any{"leafnodes": map[string]any{"remotes": remotes}})
	for deadline := time.Now().Add(20 * time.Second); leaf.NumLeafNodes() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the leaf node does not find its hub")
		}
		<-time.After(10 * time.Millisecond)
	}
	for _, at := range []*server.Server{hub, leaf} {
		announces(t, at, "resources", "RESOURCES", "INVALIDATIONS", "invalidations")
		announces(t, at, "auth", "AUTH", "AUDIT", "audit")
		announces(t, at, "auth", "AUTH", "REVOCATIONS", "revocations")
	}
}

func announces(t *testing.T, at *server.Server, user, password, stream, subject string) {
	t.Helper()
	refused := make(chan struct{}, 8)
	connection, err := nats.Connect(at.ClientURL(), nats.UserInfo(user, "of_"+password),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) { refused <- struct{}{} }))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	js, err := connection.JetStream(nats.MaxWait(20 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: stream, Subjects: []string{subject + ".>"}}); err != nil {
		t.Errorf("%s has no stream %s: %v", user, stream, err)
	}
	if _, err := js.Publish(subject+".v1.x", nil); err != nil {
		t.Errorf("%s does not announce: %v", user, err)
	}
	if err := connection.Publish("$JS.API.STREAM.DELETE."+stream, nil); err != nil {
		t.Error(err)
	}
	select {
	case <-refused:
	case <-time.After(20 * time.Second):
		t.Errorf("%s may delete %s", user, stream)
	}
}
