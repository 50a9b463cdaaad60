package devstack

import "os/exec"

// The programs that a stack may need from outside.
const (
	ProgramPostgres = "postgres"
	ProgramRedis    = "redis-server"
)

// Missing lists the programs that the stack would need and that this machine
// lacks.
func Missing(o Options) []string {
	var missing []string
	if (o.Database || o.OwnDatabase) && o.DatabaseURL == "" {
		_, err := postgresBin()
		if _, ok := cockroachBin(); err != nil && !ok {
			missing = append(missing, ProgramPostgres)
		}
	}
	if (o.Redis || o.OwnRedis) && o.RedisURL == "" {
		if _, err := exec.LookPath(ProgramRedis); err != nil {
			missing = append(missing, ProgramRedis)
		}
	}
	return missing
}
