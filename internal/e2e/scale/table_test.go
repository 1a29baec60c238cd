package scale

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// meanings are the titles of the invariants.
var meanings = map[string]string{
	"I1": "garbage is refused, and with both stores out all is 503",
	"I2": "what was answered as ended is refused, on every process",
	"I3": "two refreshes of one token at once have one successor",
	"I4": "what nobody has ended is good",
	"I5": "keys in Redis have an end",
	"I6": "requests end in time",
	"I7": "no secret is in a log",
	"I8": "requests are answered again by themselves",
}

// markdown is the run as docs/scale.md has it.
func (s *stage) markdown(users int, costs []cost, keys map[string]keyspace, load string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	line("`make scale` on %s, %d processors, %s, %s, load average before the run %s: %d users, %s in all phases.",
		processor(), runtime.NumCPU(), runtime.Version(), version("redis-server", "--version"), load, users, s.total().Round(time.Second))

	line("\n| phase | seconds | requests/s | 5xx | cut | 429 | users who saw one | asked the other process | a replica took over | last error | server CPU per request |")
	line("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, p := range s.phases {
		healed, after := "-", "-"
		if p.healed > 0 {
			healed = fmt.Sprintf("after %.1f s", p.healed.Seconds())
		}
		if len(p.errors) > 0 && !p.event.IsZero() {
			after = fmt.Sprintf("after %.1f s", p.lastError().Seconds())
		}
		codes := fmt.Sprint(p.count[failed])
		if p.count[failed] > 0 {
			codes += " (" + joined(p.codes) + ")"
		}
		line("| %s | %.0f | %.0f | %s | %d | %d | %d | %d | %s | %s | %.2f ms |", p.name, p.took.Seconds(), float64(p.requests())/p.took.Seconds(),
			codes, p.count[cut], p.count[limited], len(p.hit), p.count[moved], healed, after, float64(p.cpu)/float64(max(1, p.requests()))/1e6)
	}

	line("\nRequests per second of each kind, and milliseconds: p50 / p90 / p99 / longest.\n")
	line("| phase | %s |", strings.Join(kinds, " | "))
	line("| --- |%s", strings.Repeat(" --- |", len(kinds)))
	for _, p := range s.phases {
		cells := make([]string, len(kinds))
		for i, kind := range kinds {
			cells[i] = p.latencies(kind)
		}
		line("| %s | %s |", p.name, strings.Join(cells, " | "))
	}

	line("\n| at the end of the phase | memory of each process, MiB | descriptors | threads | connections to PostgreSQL, at most |")
	line("| --- | --- | --- | --- | ---: |")
	for _, p := range s.phases {
		var memory, files, threads []string
		for _, r := range p.servers {
			memory, files, threads = append(memory, fmt.Sprint(r.memory)), append(files, fmt.Sprint(r.files)), append(threads, fmt.Sprint(r.threads))
		}
		line("| %s | %s | %s | %s | %d |", p.name, strings.Join(memory, ", "), strings.Join(files, ", "), strings.Join(threads, ", "), p.conns)
	}

	line("\nOne request after the other, at a process that has nothing else to do:\n")
	line("| request | measured | ms | CPU of the process, ms | CPU of Redis, µs | CPU of PostgreSQL, µs | SQL statements | Redis commands |")
	line("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
	for _, c := range costs {
		line("%s", c.row())
	}

	line("\n| keys in Redis | keys | fields | bytes per key |")
	line("| --- | ---: | ---: | ---: |")
	for _, prefix := range slices.Sorted(maps.Keys(keys)) {
		k := keys[prefix]
		line("| `%s:` | %d | %d | %d |", prefix, k.keys, k.fields, k.memory/max(1, k.keys))
	}

	line("\n| invariant | looked at | broken | lost with the Redis master, as documented |")
	line("| --- | ---: | ---: | ---: |")
	for _, id := range slices.Sorted(maps.Keys(meanings)) {
		line("| %s %s | %d | %d | %d |", id, meanings[id], s.checks[id], len(s.found[id]), s.known[id])
	}
	return b.String()
}

func (r *record) total() (d time.Duration) {
	for _, p := range r.phases {
		d += p.took
	}
	return d
}

func joined(counts map[string]int) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d %s", counts[name], name))
	}
	return strings.Join(list, ", ")
}

// processor is the model of this machine.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// version is the first words of what a program says.
func version(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return program
	}
	words := strings.Fields(string(out))
	return strings.Join(words[:min(3, len(words))], " ")
}

// loadAverage is that of the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(text))[0]
}
