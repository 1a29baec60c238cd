package scale

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// tick is the unit of times in /proc on Linux.
const tick = 10 * time.Millisecond

// resources are what a process has.
type resources struct {
	pid, memory, files, threads int // MiB
	cpu                         time.Duration
}

// look reads them, or zeroes if the process is gone.
func look(t *testing.T, srv *running.Server) resources {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		testkit.Skip(t, "/proc: this system has none, and nothing else tells the resources of a process")
	}
	r := resources{pid: srv.PID(), cpu: cpuOf(srv.PID())}
	dir := "/proc/" + strconv.Itoa(srv.PID())
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return r
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.Fields(value + " 0")[0])
		switch name {
		case "VmRSS":
			r.memory = n >> 10
		case "Threads":
			r.threads = n
		}
	}
	if files, err := os.ReadDir(dir + "/fd"); err == nil {
		r.files = len(files)
	}
	return r
}

// cpuOf is what a process has used, or zero.
func cpuOf(pid int) time.Duration {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name is in parentheses; utime and stime are fields 14 and 15 of proc(5).
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

// sqlCPU is what the connections to PostgreSQL have used, or zero if that is not on this
// machine.
func (s *stage) sqlCPU() (used time.Duration) {
	s.t.Helper()
	rows, err := s.admin.QueryContext(s.t.Context(), "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()", s.backend.DB.Schema())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			s.t.Fatal(err)
		}
		if name, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm"); err == nil && strings.HasPrefix(string(name), "postgres") {
			used += cpuOf(pid)
		}
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return used
}

// connections is how many connections to PostgreSQL the processes of a service have.
func (s *stage) connections() (n int, err error) {
	err = s.admin.QueryRowContext(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()", s.backend.DB.Schema()).Scan(&n)
	return n, err
}

// usage is what the masters of the cluster have done.
type usage struct {
	cpu   time.Duration
	calls map[string]int
}

// ours are not the commands of the service, but those of the cluster and of this test.
var ours = map[string]bool{
	"info": true, "ping": true, "replconf": true, "psync": true, "hello": true, "client": true, "cluster": true, "command": true,
	"config": true, "scan": true, "pttl": true, "memory": true, "asking": true, "readonly": true, "failover": true,
}

// redisUsage sums up the masters that run.
func redisUsage(t *testing.T, clients []redis.UniversalClient) usage {
	t.Helper()
	u := usage{calls: make(map[string]int)}
	for _, c := range clients {
		info, err := c.Info(t.Context(), "replication", "cpu", "commandstats").Result()
		if err != nil || !strings.Contains(info, "role:master") {
			continue
		}
		for line := range strings.SplitSeq(info, "\r\n") {
			name, value, _ := strings.Cut(line, ":")
			if name == "used_cpu_user" || name == "used_cpu_sys" {
				seconds, _ := strconv.ParseFloat(value, 64)
				u.cpu += time.Duration(seconds * float64(time.Second))
			}
			command, ok := strings.CutPrefix(name, "cmdstat_")
			if family, _, _ := strings.Cut(command, "|"); !ok || ours[family] {
				continue
			}
			n, _, _ := strings.Cut(strings.TrimPrefix(value, "calls="), ",")
			calls, _ := strconv.Atoi(n)
			u.calls[command] += calls
		}
	}
	return u
}

// A keyspace is what is in Redis under one prefix.
type keyspace struct{ keys, fields, memory int }

// keyspaces looks at every key of the masters, also whether it has an end (I5).
func (s *stage) keyspaces(nodes []*redistest.Server) map[string]keyspace {
	s.t.Helper()
	all := make(map[string]keyspace)
	for _, node := range nodes {
		c := node.Client()
		for key, left := range node.Keys() {
			s.count("I5", 1)
			prefix, _, _ := strings.Cut(key, ":")
			if left == 0 {
				s.broken("I5", "a key %s: never expires", prefix)
			}
			k := all[prefix]
			k.keys++
			n, _ := c.HLen(s.t.Context(), key).Result() // WRONGTYPE: it is no hash
			k.fields += int(n)
			size, err := c.MemoryUsage(s.t.Context(), key).Result()
			if err != nil {
				continue // it has expired meanwhile
			}
			k.memory += int(size)
			all[prefix] = k
		}
	}
	return all
}
