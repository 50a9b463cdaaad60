package devstack_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tandem.example/pkg/devstack"
)

func natsConn(t *testing.T, s *devstack.Stack, raw string, more ...nats.Option) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(raw, append(more, nats.RootCAs(s.CAFile))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func TestNATSRefusesStrangers(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{NATS: true})
	_, host, _ := strings.Cut(s.NATSURL, "@")
	for name, raw := range map[string]string{
		"plain text":     "nats://" + host, // the server demands TLS, no authority is trusted
		"no credentials": "tls://" + host,
		"wrong password": "tls://admin:no@" + host,
	} {
		var opts []nats.Option
		if name != "plain text" {
			opts = append(opts, nats.RootCAs(s.CAFile))
		}
		conn, err := nats.Connect(raw, opts...)
		if err == nil {
			conn.Close()
			t.Errorf("%s is let in", name)
		}
	}
}

func TestNATSRights(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{OwnNATS: true})
	for _, tt := range []struct {
		user, subject string
		allowed       bool
	}{
		{devstack.Resources, "invalidations.v1.resources.doc.1", true},
		{devstack.Resources, "revocations.v1.sessions.1", false},
		{devstack.Resources, "$JS.API.STREAM.CREATE.INVALIDATIONS", true},
		{devstack.Resources, "$JS.API.STREAM.UPDATE.INVALIDATIONS", false},
		{devstack.Resources, "$JS.API.STREAM.PURGE.INVALIDATIONS", false},
		{devstack.Resources, "$JS.API.STREAM.MSG.DELETE.INVALIDATIONS", false},
		{devstack.Resources, "$JS.API.CONSUMER.CREATE.INVALIDATIONS.c", true},
		{devstack.Resources, "$JS.API.CONSUMER.CREATE.AUDIT.c", false},
		{devstack.Resources, "$JS.API.CONSUMER.CREATE.REVOCATIONS.c", false},
		{devstack.Resources, "$JS.API.CONSUMER.MSG.NEXT.INVALIDATIONS.c", true},
		{devstack.Resources, "$JS.API.CONSUMER.MSG.NEXT.AUDIT.c", false},
		{devstack.Resources, "$JS.ACK.INVALIDATIONS.c.1.1.1.1.0", true},
		{devstack.Resources, "$JS.ACK.AUDIT.c.1.1.1.1.0", false},
		{devstack.Resources, "$JS.API.DIRECT.GET.AUDIT.audit.v1.token.issue", false},
		{devstack.Auth, "revocations.v1.sessions.1", true},
		{devstack.Auth, "invalidations.v1.resources.doc.1", false},
		{devstack.Auth, "audit.v1.token.issue", true},
		{devstack.Auth, "$JS.API.STREAM.CREATE.AUDIT", true},
		{devstack.Auth, "$JS.API.STREAM.UPDATE.AUDIT", false},
		{devstack.Auth, "$JS.API.STREAM.DELETE.AUDIT", false},
		{devstack.Auth, "$JS.API.STREAM.PURGE.REVOCATIONS", false},
		{devstack.Auth, "$JS.API.STREAM.UPDATE.INVALIDATIONS", false},
		{devstack.Subscriber, "invalidations.v1.resources.doc.1", false},
		{devstack.Subscriber, "audit.v1.token.issue", false},
	} {
		conn := natsConn(t, s, s.NATSURLFor(tt.user), nats.ErrorHandler(nil))
		if err := errors.Join(conn.Publish(tt.subject, nil), conn.FlushTimeout(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		// A refusal is sent before the answer to the flush.
		if err := conn.LastError(); errors.Is(err, nats.ErrPermissionViolation) == tt.allowed || tt.allowed && err != nil {
			t.Errorf("%s on %s: %v", tt.user, tt.subject, err)
		}
	}
}

// What is not a reply to a service's own request does not come to it.
func TestNATSServicesHearNothingButReplies(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{NATS: true})
	for _, user := range []string{devstack.Auth, devstack.Resources} {
		for _, subject := range []string{"invalidations.>", "audit.>", "revocations.>", "$JS.>", ">"} {
			conn := natsConn(t, s, s.NATSURLFor(user), nats.ErrorHandler(nil))
			_, err := conn.SubscribeSync(subject)
			if err = errors.Join(err, conn.FlushTimeout(20*time.Second)); err != nil {
				t.Fatal(err)
			}
			if err := conn.LastError(); !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s may listen to %s: %v", user, subject, err)
			}
		}
	}
}

func TestKilledNATSKeepsItsStream(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{OwnNATS: true})
	conn := natsConn(t, s, s.NATSURLFor(devstack.Resources), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "INVALIDATIONS", Subjects: []string{"invalidations.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "invalidations.v1.resources.doc.1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Kill("nats"), s.Start(t.Context(), "nats")); err != nil {
		t.Fatal(err)
	}
	late := natsConn(t, s, s.NATSURLFor(devstack.Subscriber))
	if js, err = jetstream.New(late); err != nil {
		t.Fatal(err)
	}
	consumer, err := js.CreateConsumer(t.Context(), "INVALIDATIONS", jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := consumer.Next(jetstream.FetchMaxWait(5 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if err := msg.DoubleAck(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A leaf node has no JetStream of its own: its clients use the hub's.
func TestALeafNodeLeadsToTheHub(t *testing.T) {
	t.Parallel()
	hub := devstack.T(t, devstack.Options{OwnNATS: true})
	leaf := devstack.T(t, devstack.Options{OwnNATS: true, LeafOf: hub})
	near, far := natsConn(t, hub, hub.NATSURL), natsConn(t, leaf, leaf.NATSURLFor(devstack.Resources))
	js, err := jetstream.New(near)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "INVALIDATIONS", Subjects: []string{"invalidations.>"}})
	if err != nil {
		t.Fatal(err)
	}
	there, err := jetstream.New(far)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := there.Publish(t.Context(), "invalidations.v1.resources.doc.1", []byte("x"))
	if err != nil || ack.Stream != "INVALIDATIONS" {
		t.Fatalf("%+v, %v", ack, err)
	}
	if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 1 {
		t.Errorf("%+v, %v", info, err)
	}
}
