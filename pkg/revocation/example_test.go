package revocation_test

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tandem.example/pkg/revocation"
)

// A service that keeps connections open closes those whose session is over.
func Example() {
	nc, err := nats.Connect("tls://nats.example:4222", nats.UserCredentials("chat.creds"))
	if err != nil {
		panic(err)
	}
	defer nc.Close()
	if err := follow(context.Background(), nc, func(revocation.Revocation) {}); err != nil {
		panic(err)
	}
}

// follow calls end for every revocation until ctx ends. It may call it twice.
func follow(ctx context.Context, nc *nats.Conn, end func(revocation.Revocation)) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, revocation.Stream, jetstream.ConsumerConfig{
		Durable: "chat", AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		return err
	}
	following, err := consumer.Consume(func(msg jetstream.Msg) {
		e, err := revocation.Decode(msg.Data())
		if err != nil {
			_ = msg.TermWithReason("unreadable")
			return
		}
		end(e.Revocation)
		_ = msg.Ack() // if this is lost, it comes again
	})
	if err != nil {
		return err
	}
	defer following.Stop()
	<-ctx.Done()
	return nil
}
