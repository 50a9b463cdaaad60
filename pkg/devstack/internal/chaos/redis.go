package chaos

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// saveRedis has the server write what it holds to its dump.
func saveRedis(ctx context.Context, url, caFile string) error {
	client, err := redisClient(url, caFile)
	if err != nil {
		return err
	}
	return errors.Join(client.Save(ctx).Err(), client.Close())
}

func redisClient(url, caFile string) (*redis.Client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(caFile) //nolint:gosec // the stack's own authority
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	options.TLSConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(options), nil
}
