// The one place that connects create with the parts that do its work.
#include "server/create_tools.h"

#include "engine/convert/convert.h"
#include "engine/core/cpu_info.h"
#include "engine/core/thread_pool.h"
#include "engine/quantize/create.h"
#include "engine/store/pull.h"
#include "server/version.h"

namespace engine {
namespace {

// A team of its own: models that are loaded go on answering meanwhile.
std::unique_ptr<ThreadPool> team(const App& app) {
  const int threads = app.load.threads > 0 ? app.load.threads : usable_cores();
  return ThreadPool::create(PoolKind::native, threads);
}

Status quantize(const App& app, const std::string& in, const std::string& out,
                const std::string& type, const CreateTools::Progress& progress) {
  ENGINE_TRY(plan, quant::plan_for_create(in, type));
  const auto pool = team(app);
  ENGINE_TRY(done, quant::quantize_file({in}, out, *plan.mix, plan.options, *pool,
                                        [&](const quant::QuantizeProgress& p) {
                                          return progress(static_cast<int64_t>(p.done),
                                                          static_cast<int64_t>(p.total));
                                        }));
  (void)done;
  return ok;
}

}  // namespace

CreateTools create_tools(App& app) {
  CreateTools tools;
  tools.pull = [&app](const ModelName& name, const CreateEvents& events) {
    RegistryOptions options;
    options.agent = kServerHeader;
    return pull_model(app.store, app.downloads, name, options, events.cancel, events.status);
  };
  tools.quantize = [&app](const std::string& in, const std::string& out, const std::string& type,
                          const CreateTools::Progress& progress) {
    return quantize(app, in, out, type, progress);
  };
  tools.convert_model = [&app](const std::string& folder, const std::string& out,
                               const CreateTools::Progress& progress) {
    const auto pool = team(app);
    return convert::convert_directory(folder, out,
                                      {convert::OutType::automatic, pool.get(), progress});
  };
  tools.convert_adapter = [&app](const std::string& folder, const std::string& base,
                                 const std::string& out, const CreateTools::Progress& progress) {
    const auto pool = team(app);
    return convert::convert_adapter(folder, base, out,
                                    {convert::OutType::automatic, pool.get(), progress});
  };
  return tools;
}

}  // namespace engine
